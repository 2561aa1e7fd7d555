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
