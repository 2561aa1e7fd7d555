"""GET /assets/projects, /assets/episodes and /assets/folders, and lists as NDJSON."""

from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest

from tests.conftest import NAMESPACE, READER, STRANGER, WRITER
from tests.support.api import LEFT_OUT, PROJECT, Answer, Api, problem

PLACES = ("projects", "episodes", "folders")
OF_PROJECTS = {"project": LEFT_OUT}
NDJSON = {"Accept": "application/x-ndjson"}


def names(api: Api, place: str, **query: Any) -> list[str]:
    """The names in a list, which is the same in pages of two."""
    of = OF_PROJECTS if place == "projects" else {}
    whole = api.listing(place, **of, **query)
    assert whole.status_code == 200, whole.text
    paged = [item for page in api.pages(place, limit=2, **of, **query) for item in page]
    assert paged == whole.json
    return [item["name"] for item in whole.json]


def lines(response: Answer) -> list[Any]:
    assert response.status_code == 200
    assert response.mimetype == "application/x-ndjson"
    assert response.text.endswith("\n")
    return [orjson.loads(line) for line in response.text.splitlines()]


@pytest.mark.every_way
def test_projects(api: Api) -> None:
    ids = {
        project: api.register(project=project).json["projectId"]
        for project in ("robotics", "rob", "rob-2", "Zoo", "z9")
    }

    assert names(api, "projects") == sorted(ids)
    assert names(api, "projects", prefix="rob") == ["rob", "rob-2", "robotics"]
    assert names(api, "projects", prefix="") == sorted(ids)
    assert names(api, "projects", prefix="R%") == []
    [item] = api.listing("projects", project=LEFT_OUT, prefix="robotics").json
    assert item == {"id": ids["robotics"], "name": "robotics", "createdAt": item["createdAt"]}
    assert item["createdAt"].endswith("Z")


@pytest.mark.every_way
def test_episodes(api: Api) -> None:
    added = ["run-1", "run-10", "run", "2026/q1/run-1", "2026/q2/run-1", "É", "\U0010ffff", "a%"]
    registered = [api.register(episodeName=name).json for name in added][-1]
    api.register(project="other", episodeName="elsewhere")

    assert names(api, "episodes") == sorted(added)
    assert names(api, "episodes", prefix="run-1") == ["run-1", "run-10"]
    assert names(api, "episodes", prefix="\U0010ffff") == ["\U0010ffff"]
    assert names(api, "episodes", glob="2026/q?/run-*") == ["2026/q1/run-1", "2026/q2/run-1"]
    assert names(api, "episodes", glob="*", prefix="2") == sorted({*added} - {*added[3:5]})
    assert names(api, "episodes", glob="**/run-1") == ["2026/q1/run-1", "2026/q2/run-1", "run-1"]
    assert names(api, "episodes", name="run-1") == ["run-1"]
    assert names(api, "episodes", name="run-1", prefix="run-10") == []
    [item] = api.listing("episodes", name="a%").json
    assert item == {
        "id": registered["episodeId"],
        "projectId": registered["projectId"],
        "name": "a%",
        "createdAt": item["createdAt"],
    }


def test_slashes_in_the_names_of_episodes(api: Api) -> None:
    """A glob reads slashes as in the names of assets, and only ** matches others."""
    odd = ["/lead", "a//b", "a/b", "cam/"]
    for name in odd:
        api.register(episodeName=name)

    assert names(api, "episodes") == sorted(odd)
    for glob, found in {
        "**": odd,
        "**lead": ["/lead"],
        "/lead": [],
        "a/b": ["a/b"],
        "/a//b": ["a/b"],
        "a/**": ["a//b", "a/b"],
        "cam/": ["cam/"],
    }.items():
        assert names(api, "episodes", glob=glob) == sorted(found)
    for name in odd:
        assert name in names(api, "episodes", prefix=name)
        assert names(api, "episodes", name=name) == [name]


@pytest.mark.every_way
def test_folders(api: Api) -> None:
    files = ["/cam/front/a", "/cam-left/a", "/cam.mp4", "/cam/a", "/cam/front/raw/a", "/x"]
    first, *_ = [api.register(name=name, episodeName="run-1").json for name in files]
    alone = api.register(name="/cam-left/b/c", episodeName="run-2").json
    outside = api.register(name="/maps/a").json

    assert names(api, "folders") == ["/cam", "/cam-left", "/maps"]
    assert names(api, "folders", parent="/") == ["/cam", "/cam-left", "/maps"]
    assert names(api, "folders", parent="cam") == ["/cam/front"]
    assert names(api, "folders", parent="//cam//front") == ["/cam/front/raw"]
    assert names(api, "folders", episode="run-2") == ["/cam-left"]
    assert names(api, "folders", episode="run-2", parent="/cam") == []
    assert names(api, "folders", parent="/nowhere") == []
    assert names(api, "folders", parent="/ca") == []

    def ids(**query: Any) -> list[str | None]:
        return [item["nodeId"] for item in api.listing("folders", **query).json]

    # In one place: /cam in run-1, /maps outside any episode. In two: /cam-left.
    assert ids()[1:] == [None, outside["nodeId"]]
    assert ids(parent="/cam") == [first["nodeId"]]
    assert ids(episodeId=alone["episodeId"], parent="/cam-left") == [alone["nodeId"]]


def test_an_empty_place_has_an_empty_list(api: Api) -> None:
    assert api.listing("projects", project=LEFT_OUT).json == []
    api.register()

    for place in ("episodes", "folders"):
        assert names(api, place) == []
        assert lines(
            api.get(f"/assets/{place}?namespace={NAMESPACE}&project={PROJECT}", headers=NDJSON)
        ) == [{"end": True, "count": 0}]


@pytest.mark.parametrize("limit", [LEFT_OUT, "1"])
def test_a_place_must_exist(api: Api, limit: object) -> None:
    for place in PLACES:
        of = OF_PROJECTS if place == "projects" else {}
        for stranger in ({"subject": STRANGER}, {"namespace": "nobody"}):
            response = api.listing(place, limit=limit, **{**of, **stranger})
            assert (response.status_code, response.json["code"]) == (404, "namespace_not_found")
        assert api.listing("projects", **OF_PROJECTS, limit=limit, subject=READER).json == []
    for place in ("episodes", "folders"):
        response = api.listing(place, limit=limit)
        assert (response.status_code, response.json["code"]) == (404, "project_not_found")
    elsewhere = api.register(project="other", episodeName="run-1").json["episodeId"]
    api.register()
    for episode in ({"episode": "run-1"}, {"episodeId": elsewhere}, {"episodeId": str(uuid4())}):
        response = api.listing("folders", limit=limit, **episode)
        assert problem(response) == {"error": "Episode not found.", "code": "episode_not_found"}


@pytest.mark.parametrize(
    ("place", "query", "field"),
    [
        ("projects", {"project": PROJECT}, "project"),
        ("projects", {"project": LEFT_OUT, "space": PROJECT}, "space"),
        ("projects", {"project": LEFT_OUT, "glob": "*"}, "glob"),
        ("projects", {"project": LEFT_OUT, "limit": "0"}, "limit"),
        ("episodes", {"glob": "[a"}, "glob"),
        ("episodes", {"name": "a" * 513}, "name"),
        ("episodes", {"episode": "run-1"}, "episode"),
        ("folders", {"parent": "/cam/"}, "parent"),
        ("folders", {"parent": "/../cam"}, "parent"),
        ("folders", {"prefix": "/cam"}, "prefix"),
        ("folders", {"episode": "a", "episodeId": str(uuid4())}, "episodeId"),
        ("folders", {"cursor": "x"}, "cursor"),
    ],
)
def test_a_bad_query_is_refused(
    shared_api: Api, place: str, query: dict[str, Any], field: str
) -> None:
    response = shared_api.listing(place, **query)

    assert response.status_code == 400
    assert [*response.json["fields"]] == [field]


def test_what_is_missing_is_named(shared_api: Api) -> None:
    for place, sentence in (
        ("projects", "namespace missing"),
        ("episodes", "namespace or project missing"),
    ):
        response = shared_api.get(f"/assets/{place}")
        assert problem(response)["error"] == sentence


def test_a_cursor_is_valid_for_its_list_only(api: Api) -> None:
    for number in range(3):
        api.register(name=f"/{number}/a", episodeName=str(number))
    cursor = api.listing("episodes", limit=1).headers["X-Next-Cursor"]

    assert api.listing("episodes", cursor=cursor).json[0]["name"] == "1"
    for place, query in (("folders", {}), ("video", {}), ("episodes", {"prefix": "1"})):
        assert api.listing(place, limit=1, cursor=cursor, **query).status_code == 400


def test_the_longest_names_can_be_paged(api: Api) -> None:
    added = [f"{chr(0x10FFFF - number) * 511}a" for number in range(3)]
    for name in added:
        api.register(episodeName=name)

    assert names(api, "episodes", glob="[!a]*") == sorted(added)


@pytest.mark.every_way
def test_any_list_is_sent_as_ndjson(api: Api, connection: psycopg.Connection) -> None:
    for number in range(3):
        api.register(
            name=f"/{number}/a", episodeName=str(number), metadata={"note": "},{\n,\n", "tab": "\t"}
        )
    # More than a chunk of a stream.
    connection.execute(
        "INSERT INTO episode (namespace_id, space_id, episode_id, name)"
        " SELECT namespace_id, space_id, gen_random_uuid(), 'x' || number"
        " FROM space, generate_series(1, 2500) AS number"
    )
    for place in (*PLACES, "video"):
        of = {} if place == "projects" else {"project": PROJECT}
        queries = [{}, {"limit": 2}]
        if place == "video":
            queries += [{"view": "full"}, {"prefix": "/none", "limit": 2}]
        for query in queries:
            given = {"namespace": NAMESPACE, **of, **query}
            as_json = api.get(f"/assets/{place}", query_string=given)
            whole = as_json.json
            as_lines = api.get(f"/assets/{place}", query_string=given, headers=NDJSON)

            *items, end = lines(as_lines)
            assert items == whole
            assert end == {"end": True, "count": len(items)}
            assert as_lines.headers.get("Link") == as_json.headers.get("Link")
            assert {as_json.headers["Vary"], as_lines.headers["Vary"]} == {"Accept"}


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/html, application/xhtml+xml", "application/json"),
        ("application/x-ndjson, */*", "application/x-ndjson"),
        ("application/x-ndjson;q=0.5, application/json", "application/json"),
        ("application/json;q=0.5, application/x-ndjson", "application/x-ndjson"),
    ],
)
def test_json_is_sent_unless_ndjson_is_preferred(
    shared_api: Api, accept: str, mimetype: str
) -> None:
    url = f"/assets/projects?namespace={NAMESPACE}"
    assert shared_api.get(url, headers={"Accept": accept}).mimetype == mimetype


def test_a_stream_that_is_cut_has_no_end(api: Api, connection: psycopg.Connection) -> None:
    api.register()
    connection.execute(
        "INSERT INTO asset (namespace_id, space_id, asset_id, kind, name, fps, lens)"
        " SELECT namespace_id, space_id, gen_random_uuid(), 'video', '/' || number, 30, 'pinhole'"
        " FROM space, generate_series(1, 100000) AS number"
    )
    url = f"/assets/video?namespace={NAMESPACE}&project={PROJECT}"
    response = api.get(url, headers=NDJSON)
    parts = response.iter_encoded()
    received = [next(parts)]
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        " AND query LIKE '%asset/list_by_project%' AND state = 'active'"
    )

    with pytest.raises(Exception, match=r"."):
        received.extend(parts)

    assert b'"end"' not in b"".join(received)
    response.close()
    assert api.listing(limit=1, subject=WRITER).status_code == 200
