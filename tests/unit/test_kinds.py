"""Differences between the kinds of assets."""

from typing import Any

import pytest

from dreamlake_assets.model.kinds import FOUND_COLUMNS, KINDS, LISTED_COLUMNS

ROW: dict[str, Any] = {
    "asset_id": "1",
    "name": "/a",
    "bss_id": "b",
    "fps": 30.0,
    "lens": "pinhole",
    "sample_rate": 44100.0,
    "channels": 2,
    "format": "vtt",
    "language": "en",
    "width": 1920,
    "height": 1080,
    "size": 83,
    "sha256": "ab" * 32,
    "content_type": "video/mp4",
    "created_at": "2026-04-14T09:30:00.123Z",
}
END = {"createdAt": "2026-04-14T09:30:00.123Z"}


COMMON = {"size": 83, "sha256": "ab" * 32, "contentType": "video/mp4"}


def test_there_are_six() -> None:
    assert list(KINDS) == ["video", "audio", "label-track", "text-track", "image", "file"]
    assert all(kind.name == name for name, kind in KINDS.items())


@pytest.mark.parametrize(
    ("name", "route", "item"),
    [
        ("video", "videos", {"bssVideoId": "b", "fps": 30.0, "lens": "pinhole"}),
        ("audio", "audio", {"bssAudioId": "b", "sampleRate": 44100.0, "channels": 2}),
        ("label-track", "labels", {"bssLabelId": "b"}),
        ("text-track", "text-tracks", {"bssTextTrackId": "b", "format": "vtt", "language": "en"}),
        ("image", "image", {"bssImageId": "b", "width": 1920, "height": 1080}),
        ("file", "files", {"bssFileId": "b", **COMMON}),
    ],
)
def test_each_has_its_names(name: str, route: str, item: dict[str, Any]) -> None:
    kind = KINDS[name]

    assert kind.bss_route == route
    assert next(iter(item)) == kind.bss_field
    (listed,) = kind.items([[ROW[column] for column in LISTED_COLUMNS]])
    assert list(listed.items()) == list({"id": "1", "name": "/a", **item, **END}.items())
    details = kind.details([ROW.get(column, column) for column in FOUND_COLUMNS])
    assert {name: details[name] for name in listed} == listed
    assert list(details) == [
        *("id", "kind", "namespace", "project", "projectId", "episodeId", "episodeName"),
        *("nodeId", "folder", "name", *dict.fromkeys([*item, *COMMON]), "tags", "metadata"),
        *("createdAt", "updatedAt", "deletedAt"),
    ]
