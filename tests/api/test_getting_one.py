"""GET /assets/<kind>/<id>: all fields of an asset, access to it, and conditional requests."""

import re
from typing import Any
from uuid import UUID

import psycopg
import pytest

from dreamlake_assets import store
from dreamlake_assets.model.etags import SHAPE
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS
from tests.conftest import NAMESPACE, READER, STRANGER, WRITER
from tests.support.api import PROJECT, Answer, Api, problem

KIND_NAMES = list(KINDS)

OWN_FIELDS: dict[str, dict[str, Any]] = {
    "video": {"fps": 29.97, "lens": "fisheye"},
    "audio": {"sampleRate": 44100.5, "channels": 2},
    "label-track": {},
    "text-track": {"format": "vtt", "language": "pt-BR"},
    "image": {"width": 1920, "height": 1080},
    "file": {},
}


COMMON_FIELDS = {
    "size": 2**53 - 1,
    "sha256": "ab" * 32,
    "contentType": 'video/mp4; codecs="avc1.42E01E, mp4a.40.2"',
}


def not_found(response: Answer) -> None:
    assert response.status_code == 404
    assert problem(response) == {"error": "Asset not found.", "code": "asset_not_found"}
    assert "ETag" not in response.headers


@pytest.fixture
def location(shared_api: Api) -> str:
    """The URL of an asset."""
    return shared_api.register(name="/camera/front/run01.mp4").location


@pytest.mark.every_way
@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize("subject", [WRITER, READER])
def test_every_field_is_there(shared_api: Api, kind: str, subject: str) -> None:
    metadata = {"robot": "r2", "runs": [1, 2.5, {"note": None}], "grün": "\u2028"}
    registered = shared_api.register(
        kind,
        episodeName="2026/q1/run-042",
        name="/camera/front/run01.bin",
        tags=["night", "rain", "night"],
        metadata=metadata,
        **{KINDS[kind].bss_field: "a1b2c3"},
        **{**OWN_FIELDS[kind], **COMMON_FIELDS, "sha256": "AB" * 32},
    )

    response = shared_api.get(registered.location, subject=subject)

    assert registered.location == f"/assets/{kind}/{registered.json['id']}"
    assert (response.status_code, response.content_type) == (200, "application/json")
    body = response.json
    assert list(body.items()) == list(
        {
            "id": registered.json["id"],
            "kind": kind,
            "namespace": NAMESPACE,
            "project": PROJECT,
            "projectId": registered.json["projectId"],
            "episodeId": registered.json["episodeId"],
            "episodeName": "2026/q1/run-042",
            "nodeId": registered.json["nodeId"],
            "folder": "/camera/front",
            "name": "/camera/front/run01.bin",
            KINDS[kind].bss_field: "a1b2c3",
            **OWN_FIELDS[kind],
            **COMMON_FIELDS,
            "tags": ["night", "rain", "night"],
            "metadata": metadata,
            "createdAt": body["createdAt"],
            "updatedAt": body["createdAt"],
            "deletedAt": None,
        }.items()
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body["createdAt"])


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_what_was_not_given_is_null(shared_api: Api, kind: str) -> None:
    registered = shared_api.register(kind)

    body = shared_api.get(registered.location).json

    absent = ["episodeId", "episodeName", "nodeId", "folder", "name", "metadata", *COMMON_FIELDS]
    absent.append(KINDS[kind].bss_field)
    assert {name: body[name] for name in absent} == dict.fromkeys(absent)
    assert body["tags"] == []


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ('{"big": 1e30, "small": 5e-324}', {"big": 1e30, "small": 5e-324}),
        ('{"huge": 1.7976931348623157e308}', {"huge": 1.7976931348623157e308}),
        ('{"long": 18446744073709551615}', {"long": 2**64 - 1}),
        ('{"a": {"b": [[], {}]}, "": "\\"\\\\"}', {"a": {"b": [[], {}]}, "": '"\\'}),
        ("{}", {}),
    ],
)
def test_metadata_comes_back_as_it_is_stored(
    shared_api: Api, metadata: str, kept: dict[str, Any]
) -> None:
    body = f'{{"namespace": "{NAMESPACE}", "project": "{PROJECT}", "metadata": {metadata}}}'

    assert shared_api.get(shared_api.send(body).location).json["metadata"] == kept


def test_a_file_at_the_root_is_in_no_folder(shared_api: Api) -> None:
    body = shared_api.get(shared_api.register(name="/run01.mp4", episodeName="run").location)

    assert (body.json["name"], body.json["folder"]) == ("/run01.mp4", None)


class TestNotFound:
    """The same response for every reason, so that clients cannot probe for ids."""

    @pytest.mark.every_way
    def test_an_id_that_nobody_has(self, shared_api: Api) -> None:
        not_found(shared_api.get(f"/assets/video/{uuid7()}"))

    def test_an_asset_of_a_namespace_that_the_subject_is_no_member_of(
        self, shared_api: Api, location: str
    ) -> None:
        not_found(shared_api.get(location, subject=STRANGER))

    def test_an_asset_of_another_kind(self, shared_api: Api, location: str) -> None:
        not_found(shared_api.get(location.replace("video", "audio")))

    def test_a_membership_that_was_taken_away(
        self, shared_api: Api, shared_connection: psycopg.Connection, location: str
    ) -> None:
        member = {"namespace": NAMESPACE, "subject": "leaver"}
        store.namespace.add_member(shared_connection, **member, role="reader")
        assert shared_api.get(location, subject="leaver").status_code == 200
        store.namespace.remove_member(shared_connection, **member)

        not_found(shared_api.get(location, subject="leaver"))

    def test_nobody_learns_whether_it_matches(self, shared_api: Api, location: str) -> None:
        not_found(shared_api.get(location, subject=STRANGER, headers={"If-None-Match": "*"}))

    @pytest.mark.parametrize("asset_id", ["1", "0197", "x" * 36])
    def test_what_is_no_id_is_no_address(self, shared_api: Api, asset_id: str) -> None:
        response = shared_api.get(f"/assets/video/{asset_id}")

        assert (response.status_code, problem(response)["code"]) == (404, "not_found")


def test_an_id_may_be_written_in_capitals(shared_api: Api, location: str) -> None:
    path, _, asset_id = location.rpartition("/")

    response = shared_api.get(f"{path}/{asset_id.upper()}")

    assert UUID(response.json["id"]) == UUID(asset_id)


@pytest.mark.every_way
def test_a_token_is_asked_for(shared_api: Api, location: str) -> None:
    assert shared_api.ask(location).status_code == 401


@pytest.mark.every_way
class TestConditional:
    def test_what_the_client_has_is_not_sent_again(self, shared_api: Api, location: str) -> None:
        first = shared_api.get(location)
        etag = first.headers["ETag"]
        assert etag == f'"1.{SHAPE}"'
        assert first.headers["Cache-Control"] == "private, no-cache"

        for header in (etag, f"W/{etag}", f'"x", W/"y", {etag}', "*"):
            again = shared_api.get(location, headers={"If-None-Match": header})

            assert (again.status_code, again.data) == (304, b"")
            assert again.headers["ETag"] == etag
            assert again.headers["Cache-Control"] == "private, no-cache"
            assert "Content-Type" not in again.headers

    def test_what_the_client_does_not_have_is_sent(self, shared_api: Api, location: str) -> None:
        etag = shared_api.get(location).headers["ETag"]

        for header in ('"x"', etag.strip('"')[:-1], 'W/"x", "y"', ""):
            answer = shared_api.get(location, headers={"If-None-Match": header})

            assert (answer.status_code, answer.headers["ETag"]) == (200, etag)

    def test_it_changes_with_the_asset(self, shared_api: Api, location: str) -> None:
        etag = shared_api.get(location).headers["ETag"]
        shared_api.get(location, method="PATCH", json={"tags": ["night"]})

        answer = shared_api.get(location, headers={"If-None-Match": etag})

        assert (answer.status_code, answer.json["tags"]) == (200, ["night"])
        assert answer.headers["ETag"] == f'"2.{SHAPE}"'

    def test_if_match_of_another_is_refused(self, shared_api: Api, location: str) -> None:
        etag = shared_api.get(location).headers["ETag"]
        for header in (etag, f'"x", {etag}', "*", f'"1.{SHAPE + 1}"'):
            assert shared_api.get(location, headers={"If-Match": header}).status_code == 200

        for header in (f"W/{etag}", "1.1", f'"2.{SHAPE}"', ""):
            refused = shared_api.get(location, headers={"If-Match": header, "If-None-Match": etag})
            assert refused.status_code == 412

        assert problem(refused) == {
            "error": "The current ETag does not match If-Match; get the asset again.",
            "code": "precondition_failed",
        }

    def test_head_answers_as_get_does_without_a_body(self, shared_api: Api, location: str) -> None:
        whole = shared_api.get(location)

        head = shared_api.get(location, method="HEAD")

        assert (head.status_code, head.data) == (200, b"")
        for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
            assert head.headers[name] == whole.headers[name]
        known = {"If-None-Match": whole.headers["ETag"]}
        assert shared_api.get(location, method="HEAD", headers=known).status_code == 304


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_the_location_holds_behind_a_prefix(shared_api: Api, kind: str) -> None:
    body = {"namespace": NAMESPACE, "project": PROJECT}
    response = shared_api.get(
        f"/assets/{kind}", method="POST", base_url="http://localhost/registry", json=body
    )

    assert response.location == f"/registry/assets/{kind}/{response.json['id']}"
