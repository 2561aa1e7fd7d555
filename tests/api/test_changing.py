"""PATCH /assets/<kind>/<id>: merge patches, moves, tags and metadata."""

from typing import Any

import psycopg
import pytest

from dreamlake_assets.model.etags import SHAPE
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS
from tests.conftest import NAMESPACE, READER, STRANGER
from tests.support.api import PROJECT, Answer, Api, problem, row_counts

NAME = "/camera/front/run01.mp4"

#: A new value of each own field, and the value after null.
OWN_FIELDS: dict[str, dict[str, tuple[Any, Any]]] = {
    "video": {"fps": (29.97, 30), "lens": ("fisheye", "pinhole")},
    "audio": {"sampleRate": (44100.5, None), "channels": (2, None)},
    "label-track": {},
    "text-track": {"format": ("vtt", None), "language": ("pt-BR", None)},
    "image": {"width": (1920, None), "height": (1080, None)},
    "file": {},
}
SHA256 = "E3" * 32


def etag(revision: int) -> str:
    return f'"{revision}.{SHAPE}"'


def patch(
    api: Api, location: str, body: Any, *, if_match: str | None = None, **options: Any
) -> Answer:
    headers = {} if if_match is None else {"If-Match": if_match}
    return api.get(location, method="PATCH", json=body, headers=headers, **options)


def patched(api: Api, location: str, **body: Any) -> dict[str, Any]:
    response = patch(api, location, body)
    assert response.status_code == 200, response.text
    return response.json


@pytest.fixture
def location(shared_api: Api) -> str:
    return shared_api.register(
        name=NAME, episodeName="run-042", tags=["night"], metadata={"a": {"b": 1}}
    ).location


@pytest.mark.every_way
@pytest.mark.parametrize("kind", KINDS)
def test_every_field_can_be_set_and_removed(shared_api: Api, kind: str) -> None:
    location = shared_api.register(kind).location
    before = shared_api.get(location).json
    new = {
        "name": "//lidar/run02.bin",
        "episodeName": "2026/q1/run-042",
        KINDS[kind].bss_field: "a1b2c3",
        **{name: value for name, (value, _) in OWN_FIELDS[kind].items()},
        "size": 2**53 - 1,
        "sha256": SHA256,
        "contentType": "video/mp4; codecs=avc1",
        "tags": ["night", "rain", "night"],
        "metadata": {"runs": [1, 2.5], "grün": None},
    }

    response = patch(shared_api, location, new)

    assert (response.status_code, response.headers["ETag"]) == (200, etag(2))
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    body = response.json
    assert body == shared_api.get(location).json
    expected = {
        **new,
        "name": "/lidar/run02.bin",
        "folder": "/lidar",
        "sha256": SHA256.lower(),
        "metadata": {"runs": [1, 2.5]},
    }
    assert {name: body[name] for name in expected} == expected
    assert body["updatedAt"] > body["createdAt"] == before["createdAt"]
    assert None not in (body["episodeId"], body["nodeId"])

    removed = patched(shared_api, location, **dict.fromkeys(new))

    changed = {name for name in before if before[name] != removed[name]}
    assert changed == {"updatedAt"}
    assert {name: removed[name] for name in OWN_FIELDS[kind]} == {
        name: default for name, (_, default) in OWN_FIELDS[kind].items()
    }


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": NAME, "episodeName": "run-042"},
        {"name": "camera//front/run01.mp4"},
        {"tags": ["night"], "fps": None, "lens": "pinhole"},
        {"fps": 30.0, "size": None, "bssVideoId": None},
        {"addTags": ["night"], "removeTags": ["rain"]},
        {"addTags": None, "removeTags": None},
        {"metadata": {}},
        {"metadata": {"a": {"b": 1.0, "c": None}, "x": None}},
    ],
    ids=str,
)
def test_a_patch_that_changes_nothing_writes_nothing(
    shared_api: Api, location: str, body: dict[str, Any]
) -> None:
    before = shared_api.get(location)

    response = patch(shared_api, location, body, if_match=etag(1))

    assert (response.status_code, response.headers["ETag"]) == (200, etag(1))
    # 1.0 equals 1, so the texts are compared: one ETag stands for one of them.
    assert response.text == before.text


class TestMoves:
    def test_the_missing_parts_of_the_path_are_made(
        self, api: Api, connection: psycopg.Connection
    ) -> None:
        registered = api.register(name=NAME, episodeName="run")
        before = row_counts(connection)

        body = patched(api, registered.location, name="/a/b/c.mp4", episodeName="next")

        assert (body["name"], body["folder"], body["episodeName"]) == ("/a/b/c.mp4", "/a/b", "next")
        assert body["episodeId"] != registered.json["episodeId"]
        assert body["nodeId"] != registered.json["nodeId"]
        assert body["projectId"] == registered.json["projectId"]
        assert row_counts(connection) == {
            **before,
            "episode": before["episode"] + 1,
            "node": before["node"] + 2,
        }
        assert api.names(episode="run") == []
        assert api.names(episode="next", prefix="/a/") == ["/a/b/c.mp4"]

    @pytest.mark.parametrize("episode", ["other", None, ""])
    def test_only_the_episode(self, shared_api: Api, location: str, episode: str | None) -> None:
        """The folders of the name are those of the new episode."""
        body = patched(shared_api, location, episodeName=episode)

        assert (body["episodeName"], body["folder"]) == (episode or None, "/camera/front")
        again = patched(shared_api, location, episodeName="run-042")
        assert (again["episodeName"], again["folder"]) == ("run-042", "/camera/front")
        assert again["nodeId"] != body["nodeId"]

    @pytest.mark.parametrize("name", ["/run01.mp4", None, ""])
    def test_out_of_all_folders(self, shared_api: Api, location: str, name: str | None) -> None:
        body = patched(shared_api, location, name=name)

        assert (body["name"], body["folder"], body["nodeId"]) == (name or None, None, None)
        assert body["episodeName"] == "run-042"

    def test_nothing_is_made_for_a_refused_one(
        self, api: Api, connection: psycopg.Connection
    ) -> None:
        location = api.register(name=NAME, tags=[f"t{number}" for number in range(100)]).location
        before = row_counts(connection)
        move = {"name": "/new/place.mp4", "episodeName": "new"}

        assert patch(api, location, move, if_match=etag(2)).status_code == 412
        assert patch(api, location, {**move, "addTags": ["more"]}).status_code == 400
        assert patch(api, location, move, subject=READER).status_code == 403
        api.get(location, method="DELETE")
        assert patch(api, location, move).status_code == 409
        assert row_counts(connection) == before


class TestTags:
    def test_adding_keeps_the_order_and_skips_what_is_there(self, shared_api: Api) -> None:
        location = shared_api.register(tags=["b", "a", "b"]).location

        body = patched(shared_api, location, addTags=["c", "a", "c", "d"], removeTags=["x"])
        assert body["tags"] == ["b", "a", "b", "c", "d"]
        body = patched(shared_api, location, addTags=["e"], removeTags=["b", "d"])
        assert body["tags"] == ["a", "c", "e"]

    def test_there_are_at_most_a_hundred(self, shared_api: Api) -> None:
        location = shared_api.register(tags=[f"t{number}" for number in range(99)]).location
        assert len(patched(shared_api, location, addTags=["one", "t1"])["tags"]) == 100

        refused = patch(shared_api, location, {"addTags": ["two"]})

        message = "The asset would have more than 100 tags."
        assert refused.status_code == 400
        assert problem(refused) == {
            "error": f"addTags: {message}",
            "code": "invalid_request",
            "fields": {"addTags": [message]},
        }
        body = patched(shared_api, location, addTags=["two"], removeTags=["one"])
        assert body["tags"][-2:] == ["t98", "two"]


class TestMetadata:
    def test_it_is_merged_at_every_depth(self, shared_api: Api, location: str) -> None:
        body = patched(shared_api, location, metadata={"a": {"c": [None, {"d": None}]}, "e": {}})
        assert body["metadata"] == {"a": {"b": 1, "c": [None, {"d": None}]}, "e": {}}
        body = patched(shared_api, location, metadata={"a": {"b": None}, "e": None})
        assert body["metadata"] == {"a": {"c": [None, {"d": None}]}}
        assert patched(shared_api, location, metadata=None)["metadata"] is None
        assert patched(shared_api, location, metadata={"f": None})["metadata"] == {}

    def test_long_numbers_are_kept(self, shared_api: Api) -> None:
        number = "0.12345678901234567890123"
        body = (
            f'{{"namespace": "{NAMESPACE}", "project": "{PROJECT}", "metadata": {{"a": {number}}}}}'
        )
        location = shared_api.send(body).location

        response = shared_api.get(
            location,
            method="PATCH",
            data='{"metadata": {"b": 123456789012345678901234567890}}',
            content_type="application/json",
        )

        assert f'"a": {number}' in response.text
        assert '"b": 123456789012345678901234567890' in response.text

    def test_a_result_that_is_too_large_is_refused(self, shared_api: Api) -> None:
        location = shared_api.register(metadata={"a": "x" * 40_000}).location

        refused = patch(shared_api, location, {"metadata": {"b": "x" * 40_000}})

        assert (refused.status_code, list(refused.json["fields"])) == (400, ["metadata"])
        # The patch alone may be larger than the result.
        large = {f"k{number}": None for number in range(10_000)}
        body = patched(shared_api, location, metadata={**large, "a": None})
        assert body["metadata"] == {}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"namespace": "other"}, ["namespace"]),
        ({"project": "other"}, ["project"]),
        ({"project": None}, ["project"]),
        ({"space": "other"}, ["space"]),
        ({"space": None}, ["space"]),
        ({"kind": "video"}, ["kind"]),
        ({"episodeId": None}, ["episodeId"]),
        ({"typo": None}, ["typo"]),
        ({"sampleRate": 1}, ["sampleRate"]),
        ({"bssAudioId": "a"}, ["bssAudioId"]),
        ({"tags": [], "addTags": ["a"]}, ["addTags"]),
        ({"tags": None, "removeTags": ["a"]}, ["removeTags"]),
        ({"addTags": ["a", "b"], "removeTags": ["b"]}, ["removeTags"]),
        ({"fps": 0, "lens": "x", "size": -1}, ["fps", "lens", "size"]),
        ({"fps": ""}, ["fps"]),
        ({"name": "/a/"}, ["name"]),
        ({"episodeName": 7}, ["episodeName"]),
        ({"addTags": "a"}, ["addTags"]),
        ({"removeTags": [""]}, ["removeTags"]),
        ({"metadata": []}, ["metadata"]),
        ({"metadata": {"a": "\x00"}}, ["metadata"]),
    ],
    ids=str,
)
def test_bad_patches_are_refused_by_field(
    shared_api: Api, location: str, body: dict[str, Any], fields: list[str]
) -> None:
    refused = patch(shared_api, location, body)

    assert refused.status_code == 400
    assert sorted(refused.json["fields"]) == fields
    assert shared_api.get(location).headers["ETag"] == etag(1)


def test_a_patch_cannot_have_what_the_service_sets(shared_api: Api, location: str) -> None:
    whole = shared_api.get(location).json

    refused = patch(shared_api, location, whole)

    fixed = ["id", "kind", "namespace", "project", "projectId", "episodeId", "nodeId", "folder"]
    fixed += ["createdAt", "updatedAt", "deletedAt"]
    assert refused.json["fields"] == {name: ["Cannot be changed."] for name in fixed}


@pytest.mark.every_way
@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/merge-patch+json", 200),
        ("application/json", 200),
        ("application/json-patch+json", 415),
        ("text/plain", 415),
    ],
)
def test_the_media_type(shared_api: Api, location: str, media_type: str, status: int) -> None:
    response = shared_api.get(location, method="PATCH", data="{}", content_type=media_type)

    assert response.status_code == status
    if status == 415:
        types = "application/merge-patch+json or application/json"
        assert response.json["error"] == f"The body must be sent as {types}."


@pytest.mark.parametrize("data", ["", "{", "[]", "7", "null"])
def test_a_body_that_is_no_object(shared_api: Api, location: str, data: str) -> None:
    response = shared_api.get(location, method="PATCH", data=data, content_type="application/json")

    assert response.status_code == 400


class TestRefused:
    def test_readers(self, shared_api: Api, location: str) -> None:
        refused = patch(shared_api, location, {"fps": 60}, subject=READER, if_match='"x"')

        assert (refused.status_code, problem(refused)["code"]) == (403, "forbidden")

    def test_what_is_not_there(self, shared_api: Api, location: str) -> None:
        for url in (f"/assets/video/{uuid7()}", location.replace("video", "file")):
            refused = patch(shared_api, url, {"size": 1}, if_match='"x"')
            assert (refused.status_code, problem(refused)["code"]) == (404, "asset_not_found")
        assert patch(shared_api, location, {}, subject=STRANGER).status_code == 404

    @pytest.mark.every_way
    def test_another_revision(self, shared_api: Api, location: str) -> None:
        for body in ({"fps": 60}, {"metadata": {"c": 1}}, {"name": "/new/folder/x.mp4"}):
            for other in (etag(2), f"W/{etag(1)}", ""):
                refused = patch(shared_api, location, body, if_match=other)
                assert problem(refused) == {
                    "error": "The current ETag does not match If-Match; get the asset again.",
                    "code": "precondition_failed",
                }
                assert refused.status_code == 412
        assert patch(shared_api, location, {"fps": 60}, if_match=etag(1)).status_code == 200

    @pytest.mark.every_way
    def test_a_deleted_asset(self, shared_api: Api, location: str) -> None:
        shared_api.get(location, method="DELETE")

        for body in ({}, {"fps": 60}, {"metadata": {"c": 1}}, {"name": "/new/folder/x.mp4"}):
            refused = patch(shared_api, location, body)
            assert refused.status_code == 409
            assert problem(refused) == {
                "error": "The asset is deleted; restore it first.",
                "code": "asset_deleted",
            }
        assert patch(shared_api, location, {}, if_match=etag(1)).status_code == 412
        assert patch(shared_api, location, {}, if_match=etag(2)).status_code == 409

    def test_parameters_and_no_token(self, shared_api: Api, location: str) -> None:
        refused = patch(shared_api, f"{location}?namespace=x", {})

        assert (refused.status_code, list(refused.json["fields"])) == (400, ["namespace"])
        assert shared_api.ask(location, "PATCH", json={}).status_code == 401
