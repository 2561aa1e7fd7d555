"""The digest of a request is the same in every release; otherwise keys in use would get 422."""

from typing import Any

import pytest

from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.schemas import requests
from dreamlake_assets.store.asset import _digest

PLACE = {"namespace": "testuser", "project": "robotics", "name": "/camera/front/a"}
FULL = {"episodeName": "run-042", "tags": ["night"], "metadata": {"b": 1, "a": [1.5, None]}}

#: Recorded with release 0.2.0, the first one with Idempotency-Key.
RECORDED = [
    ("video", {}, "4b864e1827214cb38fb98101b639dddd4712a87aa518873ea417f386a325bf1b"),
    ("audio", {}, "b5069c2b3d583b8e518e3709598662f8e0654220b5fa83381eefbeb9a664fe4b"),
    ("label-track", {}, "1a4b4b5ea4935def0f16277ee03e03373e35d00b077a7b0983b7a40a0249a9ce"),
    ("text-track", {}, "a027ca828ba253f2a3a56af9bc6dc2ba07e841143c353990fa90df3e5a067bbc"),
    ("image", {}, "cc1a3e743a4e1c116533a32d9b02f614ce2fd8cd3ad422d2bc4e20da0e7002f7"),
    (
        "video",
        {"bssVideoId": "x", "fps": 29.97, "lens": "fisheye"},
        "8c8d5b2951bccc1352be0b0d937fd58a517b837af6840d9f0f8c818837bcae10",
    ),
    (
        "audio",
        {"sampleRate": 16000, "channels": 1},
        "d154436c8cdfa8210fec4a1ba78b0b7d2dc63d3cbd42105ecf60b43779eccb9f",
    ),
    (
        "text-track",
        {"format": "vtt", "language": "en"},
        "dbea92e25ddc3c6bbb1f1fd662ad70b4794be76d612eb93fcbceb82e6b2dcdf7",
    ),
    (
        "image",
        {"width": 1280, "height": 720},
        "3a1cd33b95af2742db4c7e455b78d22de6226c8200e81fe80c0083c321c9c069",
    ),
    ("label-track", FULL, "f16d80049d4b7c1fe075aa06b74073032b476245fd948e5ed172908a592dbc63"),
    # With fields that 0.2.0 did not have yet.
    ("file", {}, "75e9c38839aec2104bd1c172f5e545305e01aa643086835793a4019eec9b0c84"),
    (
        "file",
        {"bssFileId": "x", "size": 83, "sha256": "AB" * 32, "contentType": "text/plain"},
        "1956c531c7d6b68382c89cf906ab11afb2ebb8a6add1c7174896aadc7782dee4",
    ),
    (
        "video",
        {"size": 5.0, "sha256": None, "contentType": None},
        "c46950f88eae4a4a1e55187aa829a51f111a0f4896655e3eb55e5dcc11df4761",
    ),
]


@pytest.mark.parametrize(("name", "own", "digest"), RECORDED)
def test_digests_are_those_of_earlier_releases(name: str, own: dict[str, Any], digest: str) -> None:
    body = requests.load(requests.REGISTER[name], {**PLACE, **own})
    assert _digest(KINDS[name], body) == rf"\x{digest}"
