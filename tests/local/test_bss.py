"""The local BSS and S3, called like the public client does."""

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from dreamlake_assets import auth
from dreamlake_assets.config import DEBUG_SECRET, TokenSettings
from dreamlake_assets.local import s3 as local_s3
from dreamlake_assets.local import samples
from dreamlake_assets.local.s3 import Bucket
from dreamlake_assets.model.kinds import KINDS
from tests.support.bss import running_bss, running_s3

MEBIBYTE = 1024 * 1024
ROUTES = ["videos", "audio", "labels", "text-tracks", "image", "files"]
PLACE = {"owner": "testuser", "project": "robotics"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with running_s3() as url:
        yield url


@pytest.fixture(scope="module")
def bss(s3: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_bss(s3, tmp_path_factory.mktemp("bss")) as url:
        yield url


def post(url: str, body: Any) -> requests.Response:
    return requests.post(url, json=body, timeout=30)


def begin(bss: str, route: str, content: bytes) -> dict[str, str]:
    staging_hash = hashlib.sha256(content).hexdigest()[:16]
    answer = post(f"{bss}/{route}/upload/multipart/init", {**PLACE, "hash": staging_hash})
    assert answer.status_code == 200
    return answer.json()


def put_part(bss: str, route: str, upload: dict[str, str], number: int, part: bytes) -> dict:
    answer = post(
        f"{bss}/{route}/upload/multipart/parts", {**upload, "partNumbers": [number]}
    ).json()
    # The public client sends a Content-Type that is not part of the signature.
    put = requests.put(
        answer["parts"][str(number)], data=part, headers={"Content-Type": "video/mp4"}, timeout=30
    )
    assert put.status_code == 200
    return {"partNumber": number, "etag": put.headers["ETag"]}


def create(bss: str, route: str, content: bytes, name: str) -> requests.Response:
    staging_hash = hashlib.sha256(content).hexdigest()[:16]
    return post(f"{bss}/{route}", {**PLACE, "name": name, "stagingHash": staging_hash})


def upload(bss: str, route: str, parts: list[bytes], name: str) -> str:
    content = b"".join(parts)
    begun = begin(bss, route, content)
    done = [put_part(bss, route, begun, number, part) for number, part in enumerate(parts, 1)]
    done.reverse()
    answer = post(f"{bss}/{route}/upload/multipart/complete", {**begun, "parts": done})
    assert answer.status_code == 200
    created = create(bss, route, content, name)
    assert created.status_code == 201
    return created.json()["id"]


@pytest.mark.parametrize("route", ROUTES)
def test_a_file_of_two_parts_comes_back(bss: str, route: str) -> None:
    parts = [secrets.token_bytes(5 * MEBIBYTE), secrets.token_bytes(MEBIBYTE)]
    bss_id = upload(bss, route, parts, "/camera/früh \U0001f916.mp4")

    raw = requests.get(f"{bss}/{route}/{bss_id}/raw", allow_redirects=False, timeout=30)
    assert raw.status_code == 302
    download = requests.get(raw.headers["Location"], timeout=30)
    assert download.content == b"".join(parts)
    assert download.headers["Content-Type"] == "video/mp4"
    assert "fr%C3%BCh%20%F0%9F%A4%96.mp4" in download.headers["Content-Disposition"]


def test_a_presigned_url_expires(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket(s3, tmp_path)
    file = tmp_path / "a.mp4"
    file.write_bytes(b"bytes")
    bucket.put("videos/a", file)

    def status() -> int:
        url = bucket.download_url("videos/a", filename="a.mp4", content_type="video/mp4")
        return requests.get(url, timeout=30).status_code

    assert status() == 200
    monkeypatch.setattr(local_s3, "PRESIGNED_SECONDS", -1)
    assert status() == 403


def test_a_record_says_what_is_known_of_a_file(bss: str) -> None:
    bss_id = upload(bss, "labels", [b"{}\n"], "/boxes.jsonl")
    record = requests.get(f"{bss}/labels/{bss_id}", timeout=30).json()
    assert record.pop("createdAt")
    assert record == {
        "id": bss_id,
        "name": "/boxes.jsonl",
        **PLACE,
        "episodeId": None,
        "size": 3,
    }


def test_an_interrupted_upload_is_resumed(bss: str) -> None:
    parts = [secrets.token_bytes(5 * MEBIBYTE), b"the rest"]
    begun = begin(bss, "videos", b"".join(parts))
    first = put_part(bss, "videos", begun, 1, parts[0])

    url = f"{bss}/videos/upload/multipart/parts-done"
    answer = requests.get(url, params=begun, timeout=30).json()
    assert answer == {
        "parts": [{"partNumber": 1, "etag": first["etag"].strip('"')}],
        "expired": False,
    }
    second = put_part(bss, "videos", begun, 2, parts[1])
    body = {**begun, "parts": [*answer["parts"], second]}
    assert post(f"{bss}/videos/upload/multipart/complete", body).status_code == 200

    finished = requests.get(url, params=begun, timeout=30)
    assert finished.json() == {"parts": [], "expired": True}
    # A client that missed the response repeats the request.
    assert post(f"{bss}/videos/upload/multipart/complete", body).status_code == 200


def test_s3_refuses_a_part_that_is_too_small(bss: str) -> None:
    parts = [b"small", b"and the last"]
    begun = begin(bss, "videos", b"".join(parts))
    done = [put_part(bss, "videos", begun, number, part) for number, part in enumerate(parts, 1)]
    answer = post(f"{bss}/videos/upload/multipart/complete", {**begun, "parts": done})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("S3 refused the upload: ")


def test_another_start_finds_files_and_records(s3: str, tmp_path: Path) -> None:
    with running_bss(s3, tmp_path) as first:
        bss_id = upload(first, "audio", [b"RIFF"], "/microphone.wav")
    requests.post(f"{s3}/moto-api/reset", timeout=30)
    with running_bss(s3, tmp_path) as second:
        assert requests.get(f"{second}/audio/{bss_id}/raw", timeout=30).content == b"RIFF"


@pytest.mark.parametrize("path", ["/videos/nobody", "/videos/nobody/raw", "/nothing"])
def test_what_is_not_there_is_404(bss: str, path: str) -> None:
    answer = requests.get(bss + path, timeout=30)
    assert answer.status_code == 404
    assert isinstance(answer.json()["error"], str)


def test_an_id_counts_for_its_route_only(bss: str) -> None:
    bss_id = upload(bss, "audio", [b"RIFF"], "/microphone.wav")
    assert requests.get(f"{bss}/videos/{bss_id}", timeout=30).status_code == 404


def test_a_record_needs_a_finished_upload(bss: str) -> None:
    content = b"never uploaded"
    begin(bss, "videos", content)
    assert create(bss, "videos", content, "/a.mp4").status_code == 404


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("init", []),
        ("init", {**PLACE}),
        ("init", {**PLACE, "hash": 7}),
        ("init", {**PLACE, "hash": "../../escape"}),
        ("init", {**PLACE, "owner": "..", "hash": "00"}),
        ("parts", {"uploadId": "a", "key": "audio/a/b/c", "partNumbers": [1]}),
        ("parts", {"uploadId": "a", "key": "videos/a/b/c", "partNumbers": []}),
        ("parts", {"uploadId": "a", "key": "videos/a/b/c", "partNumbers": [0]}),
        ("parts", {"uploadId": "a", "key": "videos/a/b/c", "partNumbers": [True]}),
        ("complete", {"uploadId": "a", "key": "videos/a/b/c", "parts": ["x"]}),
    ],
)
def test_bad_input_is_400(bss: str, address: str, body: Any) -> None:
    answer = post(f"{bss}/videos/upload/multipart/{address}", body)
    assert answer.status_code == 400
    assert isinstance(answer.json()["error"], str)


def test_an_unknown_upload_is_404(bss: str) -> None:
    body = {"uploadId": "a", "key": "videos/a/b/c", "partNumbers": [1]}
    assert post(f"{bss}/videos/upload/multipart/parts", body).status_code == 404


def test_transcoding_is_not_done(bss: str) -> None:
    answer = post(f"{bss}/lambdas/hls-split", {"videoId": "a"})
    assert answer.status_code == 501
    assert "transcode" in answer.json()["error"]


def test_a_token_that_is_sent_has_to_verify(bss: str) -> None:
    statuses = {}
    for secret in (DEBUG_SECRET, "x" * 32):
        token = auth.sign(TokenSettings(secret=secret), "test-001", 60)
        statuses[secret] = requests.get(
            f"{bss}/videos/nobody", headers={"Authorization": f"Bearer {token}"}, timeout=30
        ).status_code
    assert list(statuses.values()) == [404, 401]


def test_the_sample_of_a_file_is_as_its_registration_says(tmp_path: Path) -> None:
    samples.write_calibration(tmp_path / "front.json")

    content = (tmp_path / "front.json").read_bytes()
    sample = KINDS["file"].sample
    assert (sample["size"], sample["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
