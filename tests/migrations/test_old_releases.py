"""Migrating the database of an earlier release keeps all of its rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from dreamlake_assets.database import migrations
from dreamlake_assets.database.migrations import migrate
from tests.conftest import headers_of, settings_of
from tests.support.api import TABLES, Api, serving
from tests.support.roles import SERVICE, as_role, make
from tests.support.schema import dump

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
    assert kinds == {"video", "audio", "label-track", "text-track"}

    applied = migrate(old_url)

    assert applied == [migration.name for migration in migrations.load()][-len(applied) :]
    after = rows(empty_connection)
    for table, old_rows in before.items():
        columns = old_rows[0].keys()
        assert [{name: row[name] for name in columns} for row in after[table]] == old_rows


def test_the_schema_is_that_of_a_new_database(old_url: str, database_url: str) -> None:
    migrate(old_url)
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
