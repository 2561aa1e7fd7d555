"""POST /assets/<kind>: the stored rows and the responses."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from dreamlake_assets.model.kinds import KINDS
from tests.conftest import NAMESPACE, READER, STRANGER
from tests.support.api import LEFT_OUT, PROJECT, Api, problem, row_counts

KIND_NAMES = list(KINDS)

#: The fields specific to each kind, by published name, and their columns.
OWN_FIELDS = {
    "video": {"fps": 29.97, "lens": "fisheye"},
    "audio": {"sampleRate": 44100.5, "channels": 2},
    "label-track": {},
    "text-track": {"format": "vtt", "language": "zh-Hans-CN"},
    "image": {"width": 1920, "height": 1080},
    "file": {"size": 2**53 - 1, "sha256": "ab" * 32, "contentType": "application/x-mcap"},
}
DEFAULTS = {
    "video": {"fps": 30, "lens": "pinhole"},
    "audio": {"sampleRate": None, "channels": None},
    "label-track": {},
    "text-track": {"format": None, "language": None},
    "image": {"width": None, "height": None},
    "file": {"size": None, "sha256": None, "contentType": None},
}
COLUMNS = {"fps", "lens", "sample_rate", "channels", "format", "language", "width", "height"}
COLUMNS |= {"size", "sha256", "content_type"}

EMPTY = {"namespace": 1, "namespace_member": 2, "space": 0, "episode": 0, "node": 0, "asset": 0}


def stored(connection: psycopg.Connection, asset_id: str) -> dict[str, Any]:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute("SELECT * FROM asset WHERE asset_id = %s", [asset_id]).fetchone()
    assert row is not None
    return row


def own_columns(values: dict[str, Any]) -> dict[str, Any]:
    renamed = {"sampleRate": "sample_rate", "contentType": "content_type"}
    named = {renamed.get(name, name): values[name] for name in values}
    if named.get("sha256"):
        named["sha256"] = bytes.fromhex(named["sha256"])
    return dict.fromkeys(COLUMNS) | named


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_needs_no_more_than_a_namespace_and_a_project(
    api: Api, connection: psycopg.Connection, kind: str
) -> None:
    response = api.register(kind)

    assert response.status_code == 201
    body = response.json
    assert body == {
        "id": body["id"],
        "projectId": body["projectId"],
        "episodeId": None,
        "nodeId": None,
        "name": None,
        KINDS[kind].bss_field: None,
    }
    assert (UUID(body["id"]).version, UUID(body["projectId"]).version) == (7, 7)
    row = stored(connection, body["id"])
    assert row["kind"] == kind
    assert (row["tags"], row["metadata"]) == ([], None)
    assert {column: row[column] for column in COLUMNS} == own_columns(DEFAULTS[kind])
    assert row_counts(connection) == {**EMPTY, "space": 1, "asset": 1}


@pytest.mark.every_way
@pytest.mark.parametrize("kind", KIND_NAMES)
def test_keeps_every_field(api: Api, connection: psycopg.Connection, kind: str) -> None:
    metadata = {"robot": "r2", "runs": [1, 2.5, {"note": None}], "grün": True}
    response = api.register(
        kind,
        episodeName="2026/q1/run-042",
        name="/camera/front/run01.bin",
        tags=["night", "rain", "night"],
        metadata=metadata,
        **{KINDS[kind].bss_field: "a1b2c3"},
        **OWN_FIELDS[kind],
    )

    assert response.status_code == 201
    body = response.json
    row = stored(connection, body["id"])
    assert body == {
        "id": str(row["asset_id"]),
        "projectId": str(row["space_id"]),
        "episodeId": str(row["episode_id"]),
        "nodeId": str(row["node_id"]),
        "name": "/camera/front/run01.bin",
        KINDS[kind].bss_field: "a1b2c3",
    }
    assert row["bss_id"] == "a1b2c3"
    assert row["tags"] == ["night", "rain", "night"]
    assert row["metadata"] == metadata
    assert {column: row[column] for column in COLUMNS} == own_columns(OWN_FIELDS[kind])
    names = connection.execute(
        "SELECT namespace.slug, space.slug, episode.name FROM episode"
        " JOIN space USING (space_id) JOIN namespace ON namespace.namespace_id = space.namespace_id"
    ).fetchall()
    assert names == [(NAMESPACE, PROJECT, "2026/q1/run-042")]


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_null_is_not_given(api: Api, connection: psycopg.Connection, kind: str) -> None:
    nothing: dict[str, Any] = dict.fromkeys(
        ["episodeName", "name", "tags", "metadata", *OWN_FIELDS[kind]]
    )
    response = api.register(kind, space=None, **{KINDS[kind].bss_field: None}, **nothing)

    assert response.status_code == 201
    row = stored(connection, response.json["id"])
    assert (row["episode_id"], row["name"], row["tags"], row["metadata"]) == (None, None, [], None)
    assert {column: row[column] for column in COLUMNS} == own_columns(DEFAULTS[kind])


@pytest.mark.parametrize("episode", [None, "", LEFT_OUT], ids=["null", "empty", "left out"])
def test_an_episode_may_be_left_open(
    api: Api, connection: psycopg.Connection, episode: object
) -> None:
    response = api.register(episodeName=episode, name="/a/b")

    assert (response.status_code, response.json["episodeId"]) == (201, None)
    assert row_counts(connection) == {**EMPTY, "space": 1, "node": 1, "asset": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"project": LEFT_OUT, "space": PROJECT},
        {"project": None, "space": PROJECT},
        {"project": "", "space": PROJECT},
        {"project": PROJECT, "space": ""},
        {"project": PROJECT, "space": PROJECT},
    ],
    ids=["alone", "project null", "project empty", "space empty", "both the same"],
)
def test_space_is_another_name_for_project(api: Api, fields: dict[str, Any]) -> None:
    project = api.register().json["projectId"]

    response = api.register(**fields)

    assert (response.status_code, response.json["projectId"]) == (201, project)


def test_space_and_project_must_not_differ(api: Api, connection: psycopg.Connection) -> None:
    response = api.register(space="other")

    assert response.status_code == 400
    assert problem(response) == {
        "error": "space: Must equal project when both are given.",
        "code": "invalid_request",
        "fields": {"space": ["Must equal project when both are given."]},
    }
    assert row_counts(connection) == EMPTY


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("camera/front.mp4", "/camera/front.mp4"),
        ("//2026/04/run", "/2026/04/run"),
        ("///a////b//c", "/a/b/c"),
        ("a", "/a"),
        ("/...", "/..."),
        ("/.hidden/..b", "/.hidden/..b"),
    ],
)
def test_a_name_is_normalised(shared_api: Api, given: str, kept: str) -> None:
    response = shared_api.register(name=given)

    assert (response.status_code, response.json["name"]) == (201, kept)


@pytest.mark.every_way
def test_folders_hang_together(api: Api, connection: psycopg.Connection) -> None:
    body = api.register(name="/a/b/c/file").json

    rows = connection.execute("SELECT path, node_id::text, parent_id::text FROM node").fetchall()
    nodes = {path: (node, parent) for path, node, parent in rows}
    assert sorted(nodes) == ["/a", "/a/b", "/a/b/c"]
    assert nodes["/a"][1] is None
    assert nodes["/a/b"][1] == nodes["/a"][0]
    assert nodes["/a/b/c"] == (body["nodeId"], nodes["/a/b"][0])


def test_a_file_at_the_root_is_in_no_folder(api: Api, connection: psycopg.Connection) -> None:
    assert api.register(name="/file").json["nodeId"] is None
    assert row_counts(connection)["node"] == 0


def test_each_episode_has_folders_of_its_own(api: Api, connection: psycopg.Connection) -> None:
    of_project = api.register(name="/a/file").json
    of_one = api.register(name="/a/file", episodeName="one").json
    of_two = api.register(name="/a/file", episodeName="two").json

    assert len({each["nodeId"] for each in (of_project, of_one, of_two)}) == 3
    assert len({each["episodeId"] for each in (of_project, of_one, of_two)}) == 3
    assert row_counts(connection) == {**EMPTY, "space": 1, "episode": 2, "node": 3, "asset": 3}


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_the_same_body_twice_gives_two_assets_on_one_path(
    api: Api, connection: psycopg.Connection, kind: str
) -> None:
    body = {"episodeName": "run-042", "name": "/a/b/file", KINDS[kind].bss_field: "x"}
    first, second = api.register(kind, **body).json, api.register(kind, **body).json

    assert first["id"] < second["id"]
    assert {**first, "id": None} == {**second, "id": None}
    assert row_counts(connection) == {**EMPTY, "space": 1, "episode": 1, "node": 2, "asset": 2}


def test_the_kinds_share_their_folders(api: Api, connection: psycopg.Connection) -> None:
    answers = [api.register(kind, name="/a/b/file").json for kind in KIND_NAMES]

    assert len({answer["nodeId"] for answer in answers}) == 1
    assert row_counts(connection) == {**EMPTY, "space": 1, "node": 2, "asset": len(KINDS)}


def test_slugs_are_case_sensitive(api: Api) -> None:
    assert api.register(project="Robotics").json["projectId"] != api.register().json["projectId"]
    assert api.register(namespace=NAMESPACE.upper()).status_code == 404


@pytest.mark.parametrize("exists", [True, False], ids=["path exists", "path is new"])
@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_reader_may_not_write(
    api: Api, connection: psycopg.Connection, kind: str, exists: bool
) -> None:
    if exists:
        api.register(kind, episodeName="run-042", name="/a/b")
    before = row_counts(connection)

    response = api.register(kind, episodeName="run-042", name="/a/b", subject=READER)

    assert response.status_code == 403
    assert problem(response) == {
        "error": "The subject may read this namespace but not write to it.",
        "code": "forbidden",
    }
    assert row_counts(connection) == before


@pytest.mark.parametrize("exists", [True, False], ids=["path exists", "path is new"])
@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_stranger_cannot_tell_a_namespace_from_one_that_does_not_exist(
    api: Api, connection: psycopg.Connection, kind: str, exists: bool
) -> None:
    if exists:
        api.register(kind, name="/a/b")
    before = row_counts(connection)

    of_others = api.register(kind, name="/a/b", subject=STRANGER)
    of_nobody = api.register(kind, name="/a/b", namespace="no-such-namespace")

    assert of_others.status_code == of_nobody.status_code == 404
    assert problem(of_others) == problem(of_nobody)
    assert problem(of_others) == {"error": "Namespace not found.", "code": "namespace_not_found"}
    for answer in (of_others, of_nobody):
        answer.headers.remove("X-Request-Id")
        answer.headers.remove("Server-Timing")
    assert of_others.headers == of_nobody.headers
    assert row_counts(connection) == before


@pytest.mark.parametrize(
    ("kind", "field", "value", "kept"),
    [
        ("video", "fps", 1, 1.0),
        ("video", "fps", 5e-324, 5e-324),
        ("video", "fps", 1.7976931348623157e308, 1.7976931348623157e308),
        ("video", "fps", 10**30, 1e30),
        ("video", "lens", "eqrec", "eqrec"),
        ("audio", "channels", 2**31 - 1, 2**31 - 1),
        ("audio", "channels", 2.0, 2),
        ("text-track", "language", "pt-BR", "pt-BR"),
        ("text-track", "format", "jsonl", "jsonl"),
        ("image", "width", 1, 1),
        ("video", "size", 0, 0),
        ("video", "size", 5.0, 5),
        ("audio", "size", 2**53 - 1, 2**53 - 1),
        ("audio", "sha256", "aB" * 32, b"\xab" * 32),
        ("image", "height", 2**31 - 1, 2**31 - 1),
        ("video", "tags", ["x" * 200] * 100, ["x" * 200] * 100),
        ("video", "tags", [], []),
        ("video", "metadata", {}, {}),
        ("video", "metadata", {"x": "y" * (65_536 - 8)}, {"x": "y" * (65_536 - 8)}),
        ("video", "metadata", {"zero": -0.0, "big": 2**63 - 1}, {"zero": 0, "big": 2**63 - 1}),
        ("video", "name", "/" + "/".join(["d"] * 32) + "/f", "/" + "/".join(["d"] * 32) + "/f"),
        ("video", "name", "/" + "é" * 127 + "x", "/" + "é" * 127 + "x"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_the_last_values_that_are_allowed(
    *,
    shared_api: Api,
    shared_connection: psycopg.Connection,
    kind: str,
    field: str,
    value: Any,
    kept: object,
) -> None:
    response = shared_api.register(kind, **{field: value})

    assert response.status_code == 201, response.text
    assert stored(shared_connection, response.json["id"])[field] == kept


@pytest.mark.every_way
def test_the_longest_names_that_are_allowed(api: Api) -> None:
    name = "/" + "/".join(["s" * 255] * 4)
    assert len(name) == 1024

    response = api.register(project="p" * 128, episodeName="é" * 512, name=name)

    assert (response.status_code, response.json["name"]) == (201, name)
    assert api.names(project="p" * 128, episode="é" * 512) == [name]
