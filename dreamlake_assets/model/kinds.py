"""The kinds of assets as data: the differences between a video and a label track.

CONTRIBUTING.md has the steps that add a field or a kind.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter
from typing import Any

from marshmallow import fields, validate

from dreamlake_assets.model.fields import (
    ContentType,
    Count,
    LanguageTag,
    PositiveNumber,
    Sha256,
    Size,
    Text,
)

_OWN_COLUMNS = (
    "fps",
    "lens",
    "sample_rate",
    "channels",
    "format",
    "language",
    "width",
    "height",
)

#: The fields that describe the bytes of an asset of any kind, by column. They have no
#: ``load_default``: it would change the digests of requests with an Idempotency-Key.
COMMON_FIELDS: Mapping[str, fields.Field[Any]] = {
    "size": Size(),
    "sha256": Sha256(),
    "content_type": ContentType(data_key="contentType"),
}

#: The columns that statements return for an asset in a list, in order.
LISTED_COLUMNS = ("asset_id", "name", "bss_id", *_OWN_COLUMNS, *COMMON_FIELDS, "created_at")

#: The columns that ``asset/view_item`` returns for an asset in a list of all kinds, in order.
VIEWED_COLUMNS = (*LISTED_COLUMNS, "kind", "episode_id")

#: The columns that ``asset/find_by_id`` returns, in order.
FOUND_COLUMNS = (
    "asset_id",
    "kind",
    "namespace",
    "project",
    "space_id",
    "episode_id",
    "episode_name",
    "node_id",
    "folder",
    "name",
    "bss_id",
    *_OWN_COLUMNS,
    *COMMON_FIELDS,
    "tags",
    "metadata",
    "created_at",
    "updated_at",
    "deleted_at",
    "revision",
)


class _Projection:
    """Maps the columns of a row to published names."""

    def __init__(self, columns: Sequence[str], published: Mapping[str, str]):
        self._names = tuple(published.values())
        self._pick = itemgetter(*(columns.index(column) for column in published))

    def apply(self, rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Return the published object of each row.

        ``map`` takes 43 microseconds for a page of 100 rows; a loop in Python took 71.
        """
        return list(map(dict, map(zip, repeat(self._names), map(self._pick, rows))))

    def one(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return the published object of a row."""
        return dict(zip(self._names, self._pick(row), strict=True))


def published(columns: Mapping[str, fields.Field[Any]]) -> dict[str, str]:
    """Return the published names of fields, by column: the data_key, or else the column."""
    return {column: each.data_key or column for column, each in columns.items()}


@dataclass(frozen=True)
class Kind:
    """A kind of assets.

    :param name: the name of the kind in URLs and in the column ``asset.kind``.
    :param bss_field: the published name of the column ``asset.bss_id``.
    :param bss_route: the first segment of the path of such files in BSS.
    :param own_fields: the fields that the items of this kind have in lists, by column: those that
        only this kind has. A file has none, so its items have the common ones.
    :param sample: the body that examples register, without namespace, project and episode. The
        local BSS has a file with this id.
    """

    name: str
    bss_field: str
    bss_route: str
    own_fields: Mapping[str, fields.Field[Any]] = field(default_factory=dict)
    sample: Mapping[str, Any] = field(default_factory=dict)

    _item: _Projection = field(init=False, repr=False, compare=False)
    _details: _Projection = field(init=False, repr=False, compare=False)
    _among_others: _Projection = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own, common = published(self.own_fields), published(COMMON_FIELDS)
        item = {
            "asset_id": "id",
            "name": "name",
            "bss_id": self.bss_field,
            **own,
            "created_at": "createdAt",
        }
        details = {
            "asset_id": "id",
            "kind": "kind",
            "namespace": "namespace",
            "project": "project",
            "space_id": "projectId",
            "episode_id": "episodeId",
            "episode_name": "episodeName",
            "node_id": "nodeId",
            "folder": "folder",
            "name": "name",
            "bss_id": self.bss_field,
            **own,
            **common,
            "tags": "tags",
            "metadata": "metadata",
            "created_at": "createdAt",
            "updated_at": "updatedAt",
            "deleted_at": "deletedAt",
        }
        among_others = {**item, "kind": "kind", "episode_id": "episodeId"}
        object.__setattr__(self, "_item", _Projection(LISTED_COLUMNS, item))
        object.__setattr__(self, "_among_others", _Projection(VIEWED_COLUMNS, among_others))
        object.__setattr__(self, "_details", _Projection(FOUND_COLUMNS, details))

    def items(self, rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Return the items of a list.

        :param rows: rows that begin with the values of ``LISTED_COLUMNS``.
        """
        return self._item.apply(rows)

    def whole(self, rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Return the items of a list with all fields.

        :param rows: rows that begin with the values of ``FOUND_COLUMNS``.
        """
        return self._details.apply(rows)

    def details(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return the response for a single asset.

        :param row: the values of ``FOUND_COLUMNS``.
        """
        return self._details.apply([row])[0]


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "video",
            bss_field="bssVideoId",
            bss_route="videos",
            own_fields={
                "fps": PositiveNumber(
                    load_default=30.0, metadata={"description": "Frames per second."}
                ),
                "lens": Text(
                    load_default="pinhole",
                    validate=validate.OneOf(["fisheye", "pinhole", "eqrec"]),
                    metadata={"title": "Lens", "description": "The projection of the lens."},
                ),
            },
            sample={
                "name": "/camera/front/run01.mp4",
                "bssVideoId": "sample-video",
                "fps": 30,
                "lens": "pinhole",
                "contentType": "video/mp4",
            },
        ),
        Kind(
            "audio",
            bss_field="bssAudioId",
            bss_route="audio",
            own_fields={
                "sample_rate": PositiveNumber(
                    data_key="sampleRate", metadata={"description": "Samples per second, in hertz."}
                ),
                "channels": Count(
                    metadata={"description": "The number of channels: 1 is mono, 2 is stereo."}
                ),
            },
            sample={
                "name": "/microphone/front.wav",
                "bssAudioId": "sample-audio",
                "sampleRate": 16000,
                "channels": 1,
                "contentType": "audio/wav",
            },
        ),
        Kind(
            "label-track",
            bss_field="bssLabelId",
            bss_route="labels",
            sample={
                "name": "/detections/boxes.jsonl",
                "bssLabelId": "sample-labels",
                "contentType": "application/jsonl",
            },
        ),
        Kind(
            "text-track",
            bss_field="bssTextTrackId",
            bss_route="text-tracks",
            own_fields={
                "format": Text(
                    validate=validate.OneOf(["vtt", "srt", "jsonl"]),
                    metadata={
                        "title": "TextTrackFormat",
                        "description": "WebVTT, SubRip or JSON Lines.",
                    },
                ),
                "language": LanguageTag(),
            },
            sample={
                "name": "/subtitles/english.vtt",
                "bssTextTrackId": "sample-subtitles",
                "format": "vtt",
                "language": "en",
                "contentType": "text/vtt",
            },
        ),
        Kind(
            "image",
            bss_field="bssImageId",
            bss_route="image",
            own_fields={
                "width": Count(metadata={"description": "The width in pixels."}),
                "height": Count(metadata={"description": "The height in pixels."}),
            },
            sample={
                "name": "/camera/front.png",
                "bssImageId": "sample-image",
                "width": 1280,
                "height": 720,
                "contentType": "image/png",
            },
        ),
        Kind(
            "file",
            bss_field="bssFileId",
            bss_route="files",
            own_fields=COMMON_FIELDS,
            sample={
                "name": "/calibration/front.json",
                "bssFileId": "sample-file",
                "size": 83,
                "sha256": "1e52ec0cff36b5fd85ca1890dfd9ac3b3e31c8f957dcfff1b945194c5c7408cd",
                "contentType": "application/json",
            },
        ),
    )
}


_VIEWED_KIND, _FOUND_KIND = VIEWED_COLUMNS.index("kind"), FOUND_COLUMNS.index("kind")


def items_of_kinds(rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return the items of a list of all kinds.

    :param rows: rows that begin with the values of ``VIEWED_COLUMNS``.
    """
    return [KINDS[row[_VIEWED_KIND]]._among_others.one(row) for row in rows]  # noqa: SLF001


def whole_of_kinds(rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Return the items of a list of all kinds with all fields.

    :param rows: rows that begin with the values of ``FOUND_COLUMNS``.
    """
    return [KINDS[row[_FOUND_KIND]].details(row) for row in rows]
