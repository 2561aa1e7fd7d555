"""Concurrent changes of one asset: none is lost, and the revision counts each of them."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from dreamlake_assets import store
from dreamlake_assets.config import Settings
from dreamlake_assets.database.connection import Connection, connect
from dreamlake_assets.errors import AssetsError, Conflict, PreconditionFailed
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import FOUND_COLUMNS, KINDS
from dreamlake_assets.schemas import patches, requests
from dreamlake_assets.store.change import Change
from tests.conftest import WRITER, headers_of
from tests.support.api import Api, serving

VIDEO = KINDS["video"]
CLIENTS = 32
SECONDS = 3.0

Send = Callable[[Connection, int], object]


def register(url: str, namespace: str, **fields: Any) -> str:
    body = {"namespace": namespace, "project": "robotics", "name": "/a/b/c.mp4", **fields}
    asset = requests.load(requests.REGISTER["video"], body)
    asset_id = str(uuid7())
    with connect(url) as connection:
        store.asset.register(connection, kind=VIDEO, asset_id=asset_id, subject=WRITER, asset=asset)
    return asset_id


def change(asset_id: str, revisions: list[int] | None = None) -> Change:
    return Change(VIDEO, WRITER, asset_id, str(uuid7()), revisions)


def update(
    connection: Connection, asset_id: str, body: dict[str, Any], revisions: list[int] | None = None
) -> dict[str, Any]:
    patch = requests.load(patches.PATCH["video"], body)
    row = store.change.update(connection, change=change(asset_id, revisions), patch=patch)
    return dict(zip(FOUND_COLUMNS, row, strict=True))


def find(url: str, asset_id: str) -> dict[str, Any]:
    with connect(url) as connection:
        row = store.asset.find_by_id(connection, kind=VIDEO, subject=WRITER, asset_id=asset_id)
    return dict(zip(FOUND_COLUMNS, row, strict=True))


def at_once(url: str, send: Send) -> Counter[str]:
    """Send from all clients at once, and count the outcomes: ``done``, or the code of an error."""

    def one(number: int) -> str:
        with connect(url) as connection:
            try:
                send(connection, number)
            except AssetsError as error:
                return error.code
            return "done"

    with ThreadPoolExecutor(CLIENTS) as pool:
        return Counter(pool.map(one, range(CLIENTS)))


def test_no_tag_is_lost(database_url: str, namespace: str) -> None:
    asset_id = register(database_url, namespace, tags=["first", *(f"old{n}" for n in range(32))])

    def send(connection: Connection, number: int) -> None:
        body = {"addTags": [f"new{number}"], "removeTags": [f"old{number}"]}
        asset = update(connection, asset_id, body)
        assert f"new{number}" in asset["tags"]

    assert at_once(database_url, send) == {"done": CLIENTS}
    asset = find(database_url, asset_id)
    assert asset["revision"] == 1 + CLIENTS
    assert asset["tags"][0] == "first"
    assert sorted(asset["tags"][1:]) == sorted(f"new{n}" for n in range(CLIENTS))


def test_no_more_than_a_hundred_tags_are_added(database_url: str, namespace: str) -> None:
    asset_id = register(database_url, namespace, tags=[f"old{n}" for n in range(90)])

    def send(connection: Connection, number: int) -> None:
        update(connection, asset_id, {"addTags": [f"new{number}"]})

    outcomes = at_once(database_url, send)
    tags = find(database_url, asset_id)["tags"]
    assert len(tags) == 90 + outcomes["done"] <= 100
    assert set(outcomes) <= {"done", "invalid_request", "conflict"}


def test_one_of_those_with_the_same_if_match_wins(database_url: str, namespace: str) -> None:
    asset_id = register(database_url, namespace)

    def send(connection: Connection, number: int) -> None:
        body = {"name": f"/new{number}/x.mp4"} if number % 2 else {"fps": 60 + number}
        update(connection, asset_id, body, [1])

    assert at_once(database_url, send) == {"done": 1, PreconditionFailed.code: CLIENTS - 1}
    assert find(database_url, asset_id)["revision"] == 2


def test_a_refused_move_leaves_no_folder(
    connection: psycopg.Connection, database_url: str, namespace: str
) -> None:
    asset_id = register(database_url, namespace)

    def send(connection: Connection, number: int) -> None:
        update(connection, asset_id, {"name": f"/new{number}/x.mp4"}, [1])

    assert at_once(database_url, send)["done"] == 1
    rows = connection.execute("SELECT path FROM node WHERE path LIKE '/new%'").fetchall()
    assert len(rows) == 1


def test_renames_and_other_fields_all_succeed(database_url: str, namespace: str) -> None:
    asset_id = register(database_url, namespace)

    def send(connection: Connection, number: int) -> None:
        body = {"name": f"/a/b/{number}.mp4"} if number % 2 else {"fps": 60 + number}
        asset = update(connection, asset_id, body)
        assert (asset["name"] if number % 2 else str(asset["fps"])) is not None
        assert asset["folder"] == "/a/b"

    assert at_once(database_url, send) == {"done": CLIENTS}
    assert find(database_url, asset_id)["revision"] == 1 + CLIENTS


def test_merged_metadata_is_kept_or_refused(database_url: str, namespace: str) -> None:
    asset_id = register(database_url, namespace, metadata={"first": {"deep": 1}})

    def send(connection: Connection, number: int) -> None:
        update(connection, asset_id, {"metadata": {"first": {f"k{number}": number}}})

    outcomes = at_once(database_url, send)
    assert set(outcomes) <= {"done", Conflict.code}
    asset = find(database_url, asset_id)
    assert asset["revision"] == 1 + outcomes["done"]
    with connect(database_url) as connection:
        [(kept,)] = connection.execute(
            "SELECT count(*) FROM asset, jsonb_object_keys(metadata -> 'first')"
        ).fetchall()
    assert kept == 1 + outcomes["done"] >= 2


@pytest.mark.parametrize("statement", ["delete", "restore", "update"])
def test_a_change_that_is_sent_again_finds_itself(
    database_url: str, namespace: str, statement: str
) -> None:
    """As after a lost connection, also with If-Match and with a merge of metadata."""
    asset_id = register(database_url, namespace)
    with connect(database_url) as connection:
        if statement == "restore":
            store.change.delete(connection, change=change(asset_id))
        revision = find(database_url, asset_id)["revision"]
        same = change(asset_id, [revision])
        options: dict[str, Any] = {}
        if statement == "update":
            body = {"metadata": {"a": 1}, "name": "/new/folder/x.mp4"}
            options["patch"] = requests.load(patches.PATCH["video"], body)
        first, second = (
            getattr(store.change, statement)(connection, change=same, **options) for _ in range(2)
        )
    assert str(first) == str(second) or first[-1] == second[-1] == revision + 1
    assert find(database_url, asset_id)["revision"] == revision + 1


def test_a_walk_meets_each_asset_that_stays_live_once(
    settings: Settings, database_url: str, namespace: str
) -> None:
    """Others are deleted and restored after each page."""
    asset_ids = [
        register(database_url, namespace, name=f"/a/{number:03}.mp4") for number in range(200)
    ]
    stay, flicker = asset_ids[::2], asset_ids[1::2]

    with serving(settings) as app, connect(database_url) as connection:
        api = Api(app.test_client(), headers_of(settings))
        for limit in (3, 20):
            met: list[str] = []
            for page in api.pages(limit=limit):
                met += [item["id"] for item in page]
                for verb in (store.change.delete, store.change.restore):
                    for asset_id in random.sample(flicker, 20):
                        verb(connection, change=change(asset_id))
            assert len(met) == len(set(met))
            assert [each for each in met if each in set(stay)] == stay
            assert len(stay) < len(met) < len(asset_ids)
