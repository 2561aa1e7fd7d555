"""POST /assets/delete and /assets/restore: many assets in one request."""

from typing import Any

import psycopg
import pytest

from dreamlake_assets.model.ids import uuid7
from tests.conftest import READER, STRANGER
from tests.support.api import LEFT_OUT, Api, problem

DELETED = {"deleted": 0, "more": False, "ids": []}


def add(api: Api, count: int = 3, **fields: Any) -> list[str]:
    """Register assets of several kinds, and return their ids."""
    kinds = ("video", "audio", "file")
    return [
        api.register(kinds[n % 3], name=f"/camera/{n}", **fields).json["id"] for n in range(count)
    ]


@pytest.mark.every_way
def test_ids(api: Api) -> None:
    ids = add(api)
    everything = api.change_many("delete", ids=ids, dryRun=True)
    assert (everything.status_code, everything.json) == (200, {**DELETED, "deleted": 3, "ids": ids})
    assert api.names() == ["/camera/0"]

    response = api.change_many("delete", ids=[ids[1], ids[0].upper(), ids[1]])
    assert response.json == {**DELETED, "deleted": 2, "ids": [ids[1], ids[0]]}
    assert (api.names(), api.names("audio"), api.names("file")) == ([], [], ["/camera/2"])
    shown = api.get(f"/assets/video/{ids[0]}").json
    assert shown["deletedAt"] == shown["updatedAt"]
    # Only what changes is counted.
    assert api.change_many("delete", ids=ids).json == {**DELETED, "deleted": 1, "ids": [ids[2]]}
    assert api.change_many("delete", ids=ids).json == DELETED
    assert api.change_many("delete", ids=ids, dryRun=True).json == DELETED

    restored = {"restored": 2, "ids": ids[:2]}
    assert api.change_many("restore", ids=ids[:2], dryRun=True).json == restored
    response = api.change_many("restore", ids=ids[:2])
    assert (response.status_code, response.json) == (200, restored)
    assert api.change_many("restore", ids=ids[:2]).json == {"restored": 0, "ids": []}
    assert api.change_many("restore", ids=ids).json == {"restored": 1, "ids": [ids[2]]}
    assert (api.names(), api.names("audio"), api.names("file")) == (
        ["/camera/0"],
        ["/camera/1"],
        ["/camera/2"],
    )


def test_revisions(api: Api, connection: psycopg.Connection) -> None:
    """Each change adds 1, and the rows of a request have one id of a change."""
    ids = add(api)
    api.change_many("delete", ids=ids[:2])
    api.change_many("delete", ids=ids)
    api.change_many("restore", ids=ids[1:])
    rows = connection.execute(
        "SELECT asset_id::text, revision, count(*) OVER (PARTITION BY change_id) FROM asset"
    ).fetchall()
    assert {id_: (revision, same) for id_, revision, same in rows} == {
        ids[0]: (2, 1),
        ids[1]: (3, 2),
        ids[2]: (3, 2),
    }


@pytest.mark.every_way
@pytest.mark.parametrize("verb", ["delete", "restore"])
def test_all_or_none(api: Api, verb: str) -> None:
    ids = add(api)
    api.change_many("delete", ids=[ids[2]])
    elsewhere = api.register(project="elsewhere").json["id"]
    unknown = str(uuid7())
    before = api.get(f"/assets/video/{ids[0]}").json

    response = api.change_many(verb, ids=[ids[0], unknown, ids[2], elsewhere, unknown])
    not_found = ["Asset not found."]
    assert (response.status_code, problem(response)) == (
        404,
        {
            "error": "Asset not found.",
            "code": "asset_not_found",
            "fields": {"ids.1": not_found, "ids.3": not_found, "ids.4": not_found},
        },
    )
    assert api.get(f"/assets/video/{ids[0]}").json == before
    assert api.names("file") == []


@pytest.mark.parametrize("verb", ["delete", "restore"])
def test_who_may(api: Api, verb: str) -> None:
    ids = add(api)
    table: list[tuple[dict[str, Any], int, str]] = [
        ({"subject": READER}, 403, "forbidden"),
        ({"subject": READER, "dryRun": True}, 403, "forbidden"),
        ({"subject": STRANGER}, 404, "namespace_not_found"),
        ({"namespace": "nobody"}, 404, "namespace_not_found"),
        ({"project": "nothing"}, 404, "project_not_found"),
    ]
    for members, status, code in table:
        response = api.change_many(verb, ids=ids, **members)
        assert (response.status_code, response.json["code"]) == (status, code), members
    assert api.names() == ["/camera/0"]


@pytest.mark.parametrize("verb", ["delete", "restore"])
def test_bad_ids(api: Api, verb: str) -> None:
    add(api)
    good = str(uuid7())
    table: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["ids"]),
        ({"ids": None}, ["ids"]),
        ({"ids": []}, ["ids"]),
        ({"ids": [good] * 1001}, ["ids"]),
        ({"ids": good}, ["ids"]),
        ({"ids": [good, "x", None, good, 5]}, ["ids.1", "ids.2", "ids.4"]),
        ({"ids": ["x"] * 1000}, [f"ids.{n}" for n in range(100)]),
        ({"ids": [good], "dryRun": 1}, ["dryRun"]),
        ({"ids": [good], "nmae": "x"}, ["nmae"]),
        ({"ids": [good], "project": LEFT_OUT}, ["project"]),
    ]
    for members, fields in table:
        response = api.change_many(verb, **members)
        assert (response.status_code, response.json["code"]) == (400, "invalid_request"), members
        assert list(response.json["fields"]) == fields
    response = api.change_many(verb, ids=[good] * 1000)
    assert (response.status_code, len(response.json["fields"])) == (404, 1000)


SELECTIONS: list[tuple[dict[str, Any], list[int]]] = [
    ({"prefix": "/camera"}, [0, 1, 2]),
    ({"prefix": "/camera", "kind": "audio"}, [1]),
    ({"glob": "/cam*/[12]"}, [1, 2]),
    ({"name": "camera/1"}, [1]),
    ({"episode": "run-042"}, [0, 1, 2]),
    ({"tag": "night"}, [0, 1, 2]),
    ({"tag": ["night", "rain"]}, [0, 1, 2]),
    ({"tag": ["night", "snow"]}, []),
    ({"createdAfter": "2026-01-01T00:00:00Z"}, [0, 1, 2, 3]),
    ({"createdBefore": "2026-01-01T00:00:00Z"}, []),
    ({"episode": "run-042", "tag": "rain", "glob": "*/*", "kind": "file"}, [2]),
]


@pytest.mark.every_way
def test_a_selection(api: Api) -> None:
    ids = add(api, tags=["night", "rain"], episodeName="run-042")
    ids.append(api.register(name="/other", tags=["snow"]).json["id"])
    for selection, expected in SELECTIONS:
        selected = [ids[n] for n in expected]
        answer = {"deleted": len(expected), "more": False, "ids": selected}
        for members in ({"dryRun": True}, {}):
            response = api.change_many("delete", **{**selection, **members})
            assert (response.status_code, response.json) == (200, answer), selection
        assert api.change_many("delete", **selection).json == DELETED
        if selected:
            restored = api.change_many("restore", ids=selected).json
            assert sorted(restored["ids"]) == sorted(selected)


def test_a_selection_of_more_than_a_request_deletes(api: Api) -> None:
    names = [f"/{n:04}" for n in range(1_005)]
    for part in (names[:1000], names[1000:]):
        items = [{"kind": "video", "name": name} for name in part]
        api.change_many("batch", assets=items)
    first = api.change_many("delete", prefix="/").json
    assert (first["deleted"], first["more"]) == (1000, True)
    assert api.names() == names[1000:]
    last = api.change_many("delete", prefix="/").json
    assert (last["deleted"], last["more"]) == (5, False)


def test_bad_selections(api: Api) -> None:
    ids = add(api)
    table: list[tuple[dict[str, Any], int, list[str] | None]] = [
        ({"kind": "video"}, 400, ["ids"]),
        ({"kind": "video", "dryRun": True}, 400, ["ids"]),
        ({"prefix": "/a", "glob": "*"}, 400, ["glob"]),
        ({"glob": "*", "name": "/a"}, 400, ["name"]),
        ({"ids": ids, "tag": "x", "kind": "video"}, 400, ["tag", "kind"]),
        ({"episode": "a", "episodeId": str(uuid7())}, 400, ["episodeId"]),
        ({"prefix": "", "tag": "x"}, 400, ["prefix"]),
        ({"tag": []}, 400, ["tag"]),
        ({"tag": ["x"] * 11}, 400, ["tag"]),
        ({"kind": "film", "tag": "x"}, 400, ["kind"]),
        ({"limit": 5, "tag": "x"}, 400, ["limit"]),
        ({"tag": "x", "subject": READER}, 403, None),
        ({"tag": "x", "subject": READER, "dryRun": True}, 403, None),
        ({"tag": "x", "subject": STRANGER}, 404, None),
        ({"tag": "x", "project": "nothing"}, 404, None),
        ({"episode": "nothing"}, 404, None),
    ]
    for members, status, fields in table:
        response = api.change_many("delete", **members)
        assert response.status_code == status, (members, response.text)
        assert (list(response.json["fields"]) if fields else None) == fields
    assert api.names() == ["/camera/0"]
