"""Migrating the database of an earlier release keeps all of its rows, and lets it go on writing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from dreamlake_assets.database import migrations
from dreamlake_assets.database.connection import connect
from dreamlake_assets.database.migrations import migrate
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.schemas import requests
from dreamlake_assets.store.asset import _digest
from tests.conftest import headers_of, settings_of
from tests.support.api import TABLES, Api, serving
from tests.support.roles import SERVICE, as_role, make
from tests.support.schema import dump
from tests.support.waiting import until

RELEASES = sorted(Path(__file__).parent.glob("release_*.sql"))

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=RELEASES, ids=lambda path: path.stem)
def old_url(
    request: pytest.FixtureRequest, empty_url: str, empty_connection: psycopg.Connection
) -> str:
    empty_connection.execute(request.param.read_bytes())
    return empty_url


def rows(connection: psycopg.Connection) -> Rows:
    """All rows of all tables."""
    found: Rows = {}
    with connection.cursor(row_factory=dict_row) as cursor:
        for table in TABLES:
            statement = sql.SQL("SELECT * FROM {0} ORDER BY {0}::text")
            found[table] = cursor.execute(statement.format(sql.Identifier(table))).fetchall()
    return found


def test_every_row_is_as_it_was(old_url: str, empty_connection: psycopg.Connection) -> None:
    before = rows(empty_connection)
    assert all(before.values()), "the dump has rows in every table"
    kinds = {asset["kind"] for asset in before["asset"]}
    assert kinds >= {"video", "audio", "label-track", "text-track"}

    applied = migrate(old_url)

    assert applied == list(migrations.required().values())[-len(applied) :]
    after = rows(empty_connection)
    for table, old_rows in before.items():
        columns = old_rows[0].keys()
        assert [{name: row[name] for name in columns} for row in after[table]] == old_rows


def test_the_schema_is_that_of_a_new_database(old_url: str, database_url: str) -> None:
    migrate(old_url, finish=True)
    assert dump(old_url) == dump(database_url)


def test_the_service_finds_what_was_registered_then(
    old_url: str, headers: Callable[..., dict[str, str]]
) -> None:
    migrate(old_url)
    make(old_url)
    settings = settings_of(as_role(SERVICE, old_url))
    with serving(settings) as app:
        api = Api(app.test_client(), headers_of(settings))
        run = "/camera/front/run01.mp4"
        assert api.names() == [run, run, None]
        assert api.names(glob="/camera/*/run01.mp4", episode="run-042") == [run, run]
        assert api.names("audio") == ["/camera/run01.wav"]
        again = api.register(name=run, episodeName="run-042").json
        with psycopg.connect(old_url) as connection:
            nodes = connection.execute(
                "SELECT DISTINCT node_id::text FROM asset WHERE name = %s", [run]
            )
            assert nodes.fetchall() == [(again["nodeId"],)]


BODY = {"episodeName": "run-042", "name": "/camera/front/new.mp4", "tags": ["night"]}


def registration(key: str) -> dict[str, Any]:
    """The parameters with which an earlier release registers BODY."""
    place = {"namespace": "testuser", "project": "robotics"}
    kind = KINDS["video"]
    asset = requests.load(requests.REGISTER[kind.name], {**place, **BODY})
    others = ("sample_rate", "channels", "format", "language", "width", "height")
    return {
        **dict.fromkeys(others),
        **asset,
        "subject": "test-001",
        "kind": kind.name,
        "asset_id": str(uuid7()),
        "folder": "/camera/front",
        "idempotency_key": key,
        "request_digest": _digest(kind, asset),
    }


@pytest.mark.parametrize("release", ["0_1_0", "0_2_0"])
def test_a_writer_of_that_release_goes_on(
    release: str, empty_url: str, empty_connection: psycopg.Connection
) -> None:
    """No statement of it fails, and each key gives its first answer, whichever release has it."""
    folder = Path(__file__).parent
    empty_connection.execute((folder / f"release_{release}.sql").read_bytes())
    statement = (folder / f"insert_{release}.sql").read_bytes()
    written: dict[str, str] = {}
    stopped = Event()

    def write() -> None:
        with connect(empty_url, as_service=True) as connection:
            while not stopped.is_set():
                row = registration(key := f"key-{len(written)}")
                connection.execute(statement, row, prepare=True)
                written[key] = row["asset_id"]

    def some_more() -> None:
        count = len(written)
        until(lambda: writer.done() or len(written) > count + 10)

    with ThreadPoolExecutor() as pool:
        writer = pool.submit(write)
        try:
            some_more()
            migrate(empty_url)
            some_more()
        finally:
            stopped.set()
        writer.result()

    make(empty_url)
    settings = settings_of(as_role(SERVICE, empty_url))
    with serving(settings) as app, connect(empty_url, as_service=True) as old:
        api = Api(app.test_client(), headers_of(settings))
        listed = [item["id"] for item in api.listing(prefix="/camera/front/new").json]
        assert sorted(listed) == sorted(written.values())
        if release == "0_1_0":
            return  # which had no keys
        for key in ("key-0", list(written)[-1]):
            again = api.register(idempotency_key=key, **BODY)
            assert (again.status_code, again.json["id"]) == (201, written[key])
            assert again.headers["Idempotent-Replayed"] == "true"
        new = api.register(idempotency_key="new", **BODY).json["id"]
        found = old.execute(statement, registration("new")).fetchone()
        assert found is not None
        assert (str(found[0]), found[4]) == (new, True)
