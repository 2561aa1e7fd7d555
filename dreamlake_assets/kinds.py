"""The kinds of assets, as data: what differs between a video and a label track, and nothing else.

A further kind is an entry here, and a migration that tells the constraint
``asset_has_the_fields_of_its_kind`` about it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter
from typing import Any

from marshmallow import fields, validate

from dreamlake_assets.fields import Count, LanguageTag, PositiveNumber, Text

#: The columns of an asset in a list, in the order in which the statements return them.
LISTED_COLUMNS = (
    "asset_id",
    "name",
    "bss_id",
    "fps",
    "lens",
    "sample_rate",
    "channels",
    "format",
    "language",
    "width",
    "height",
    "created_at",
)


@dataclass(frozen=True)
class Kind:
    """A kind of assets.

    :param name: in addresses and in the column ``asset.kind``.
    :param bss_field: the published name of the id in BSS.
    :param bss_route: where BSS keeps files of this kind.
    :param own_fields: what only this kind has, by column; the published name is the field's
        data_key, or else the column's name.
    :param sample: what is registered in examples, beside the namespace, the project and the
        episode; the local BSS has a file under its id.
    """

    name: str
    bss_field: str
    bss_route: str
    own_fields: Mapping[str, fields.Field[Any]] = field(default_factory=dict)
    sample: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        published = {
            "asset_id": "id",
            "name": "name",
            "bss_id": self.bss_field,
            **{column: each.data_key or column for column, each in self.own_fields.items()},
            "created_at": "createdAt",
        }
        pick = itemgetter(*(LISTED_COLUMNS.index(column) for column in published))
        object.__setattr__(self, "_published", tuple(published.values()))
        object.__setattr__(self, "_pick", pick)

    _published: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _pick: Callable[[Sequence[Any]], tuple[Any, ...]] = field(init=False, repr=False, compare=False)

    def items(self, rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
        """Assets as they stand in a list of the API.

        Without a loop of Python's own: a page of 100 took 71 microseconds with one, and takes 43.

        :param rows: each begins with the values of ``LISTED_COLUMNS``.
        """
        return list(map(dict, map(zip, repeat(self._published), map(self._pick, rows))))


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "video",
            bss_field="bssVideoId",
            bss_route="videos",
            own_fields={
                "fps": PositiveNumber(
                    load_default=30, metadata={"description": "Frames a second."}
                ),
                "lens": Text(
                    load_default="pinhole",
                    validate=validate.OneOf(["fisheye", "pinhole", "eqrec"]),
                    metadata={"description": "How the lens maps the world to the picture."},
                ),
            },
            sample={
                "name": "/camera/front/run01.mp4",
                "bssVideoId": "sample-video",
                "fps": 30,
                "lens": "pinhole",
            },
        ),
        Kind(
            "audio",
            bss_field="bssAudioId",
            bss_route="audio",
            own_fields={
                "sample_rate": PositiveNumber(
                    data_key="sampleRate", metadata={"description": "Samples a second, in hertz."}
                ),
                "channels": Count(metadata={"description": "1 is mono, 2 is stereo."}),
            },
            sample={
                "name": "/microphone/front.wav",
                "bssAudioId": "sample-audio",
                "sampleRate": 16000,
                "channels": 1,
            },
        ),
        Kind(
            "label-track",
            bss_field="bssLabelId",
            bss_route="labels",
            sample={"name": "/detections/boxes.jsonl", "bssLabelId": "sample-labels"},
        ),
        Kind(
            "text-track",
            bss_field="bssTextTrackId",
            bss_route="text-tracks",
            own_fields={
                "format": Text(
                    validate=validate.OneOf(["vtt", "srt", "jsonl"]),
                    metadata={"description": "WebVTT, SubRip, or lines of JSON."},
                ),
                "language": LanguageTag(),
            },
            sample={
                "name": "/subtitles/english.vtt",
                "bssTextTrackId": "sample-subtitles",
                "format": "vtt",
                "language": "en",
            },
        ),
        Kind(
            "image",
            bss_field="bssImageId",
            bss_route="image",
            own_fields={
                "width": Count(metadata={"description": "In pixels."}),
                "height": Count(metadata={"description": "In pixels."}),
            },
            sample={
                "name": "/camera/front.png",
                "bssImageId": "sample-image",
                "width": 1280,
                "height": 720,
            },
        ),
    )
}
