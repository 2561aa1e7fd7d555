"""Many clients that use the same path at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from werkzeug.test import TestResponse

from dreamlake_assets import store
from dreamlake_assets.config import Settings
from dreamlake_assets.database.connection import Connection, connect
from dreamlake_assets.errors import AssetsError, Unavailable
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.model.names import folders
from tests.conftest import WRITER, headers_of
from tests.support.api import serving
from tests.support.waiting import until

WRITERS = 16
REGISTRATIONS = 10_000
PARENTS = ("namespace", "space", "episode", "node")
NAME = "".join(f"/folder{number}" for number in range(10)) + "/run01.mp4"


def asset(namespace: str, name: str | None = NAME, episode: str | None = "run-042") -> dict:
    return {
        "namespace": namespace,
        "project": "robotics",
        "episode": episode,
        "name": name,
        "bss_id": None,
        "fps": 30,
        "lens": "pinhole",
        "tags": [],
        "metadata": None,
    }


def register(connection: Connection, namespace: str, asset_id: str | None = None, **of: Any):
    return store.asset.register(
        connection,
        kind=KINDS["video"],
        asset_id=asset_id or str(uuid7()),
        subject=WRITER,
        asset=asset(namespace, **of),
    )


def counts(connection: psycopg.Connection) -> dict[str, int]:
    tables = (*PARENTS[1:], "asset")
    return {
        table: connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchall()[0][0]
        for table in tables
    }


def test_sixty_four_first_registrations_make_each_parent_once(
    settings: Settings, connection: psycopg.Connection, namespace: str
) -> None:
    with serving(replace(settings, threads=64)) as app:
        app.extensions["dreamlake_assets"].database.wait()
        headers = headers_of(settings)()
        body = {"namespace": namespace, "project": "new", "episodeName": "new", "name": NAME}

        def post(_: int) -> TestResponse:
            return app.test_client().post("/assets/video", json=body, headers=headers)

        with ThreadPoolExecutor(64) as pool:
            answers = list(pool.map(post, range(64)))
    assert [answer.status_code for answer in answers] == [201] * 64
    made = [answer.get_json() for answer in answers]
    assert len({each["id"] for each in made}) == 64
    parents = {(each["projectId"], each["episodeId"], each["nodeId"]) for each in made}
    assert len(parents) == 1
    assert counts(connection) == {"space": 1, "episode": 1, "node": 10, "asset": 64}


@pytest.mark.parametrize(
    "existing",
    [None, {"name": None, "episode": None}, {"name": None}, {"name": "/folder0/folder1/other"}],
    ids=["nothing", "the project", "the episode", "two folders"],
)
def test_two_registrations_that_make_the_same_parents_share_them(
    connection: psycopg.Connection,
    database_url: str,
    namespace: str,
    existing: dict[str, Any] | None,
) -> None:
    """The second waits at the first new parent until the first commits, then finds it."""
    with (
        ThreadPoolExecutor(1) as pool,
        connect(database_url) as one,
        connect(database_url) as another,
    ):
        if existing is not None:
            register(one, namespace, **existing)
        with one.transaction():
            first = register(one, namespace)
            registering = pool.submit(register, another, namespace)
            until(lambda: waiting_for_a_lock(connection, another))
        second = registering.result()
    parents = (first.space_id, first.episode_id, first.node_id)
    assert (second.space_id, second.episode_id, second.node_id) == parents
    made = counts(connection)
    assert made == {"space": 1, "episode": 1, "node": 10, "asset": 2 + bool(existing)}


def written_rows(connection: psycopg.Connection) -> dict[str, list[int]]:
    """Return the rows inserted, updated, deleted and dead, by table."""
    rows = connection.execute(
        "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del, n_dead_tup FROM pg_stat_user_tables"
        " WHERE relname = ANY(%s)",
        [[*PARENTS, "asset"]],
    )
    return {table: numbers for table, *numbers in rows}


def test_ten_thousand_registrations_touch_no_parent(
    database_url: str, connection: psycopg.Connection, namespace: str
) -> None:
    first = connect(database_url)
    register(first, namespace)
    for each in (connection, first):
        # Flush now, or these rows would be counted after the reset.
        each.execute("SELECT pg_stat_force_next_flush()")
    first.close()
    connection.execute("SELECT pg_stat_reset()")
    # A statement that waits for a row waits for a lock of one of these types.
    waited = []

    def write(_: int) -> None:
        with connect(database_url) as writer:
            for _ in range(REGISTRATIONS // WRITERS):
                register(writer, namespace)

    with ThreadPoolExecutor(WRITERS) as pool:
        running = [pool.submit(write, number) for number in range(WRITERS)]
        while not all(each.done() for each in running):
            waited += connection.execute(
                "SELECT locktype FROM pg_locks WHERE NOT granted"
                " AND locktype IN ('transactionid', 'tuple')"
            ).fetchall()
        for each in running:
            each.result()
    # A backend reports its statistics shortly after it ends.
    until(lambda: written_rows(connection)["asset"][0] >= REGISTRATIONS, 30)
    written = written_rows(connection)
    assert written.pop("asset") == [REGISTRATIONS, 0, 0, 0]
    assert set(written) == set(PARENTS)
    assert all(numbers == [0, 0, 0, 0] for numbers in written.values())
    assert waited == []


def test_a_registration_that_is_not_committed_holds_nobody_up(
    database_url: str, namespace: str
) -> None:
    """With existing parents, the locks of one registration do not block another."""
    with connect(database_url) as slow, connect(database_url) as quick:
        register(slow, namespace)
        quick.execute("SET lock_timeout = 1000")
        with slow.transaction():
            first = register(slow, namespace)
            second = register(quick, namespace)
    assert first.node_id == second.node_id


#: A constraint for each statement of the flight that makes its insert fail.
FAILURES = {
    "space": "ALTER TABLE space ADD CONSTRAINT never CHECK (slug <> 'robotics')",
    "episode": "ALTER TABLE episode ADD CONSTRAINT never CHECK (name <> 'run-042')",
    **{
        path: f"ALTER TABLE node ADD CONSTRAINT never CHECK (path <> '{path}')"
        for path in folders(NAME)
    },
    "asset": "ALTER TABLE asset ADD CONSTRAINT never CHECK (kind <> 'video')",
}


@pytest.mark.parametrize("fails", FAILURES)
def test_a_flight_in_which_a_statement_fails_leaves_nothing(
    connection: psycopg.Connection, database_url: str, namespace: str, fails: str
) -> None:
    connection.execute(FAILURES[fails].encode())
    table = "node" if fails.startswith("/") else fails
    with connect(database_url) as writer:
        with pytest.raises(AssetsError):
            register(writer, namespace)
        assert set(counts(connection).values()) == {0}
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT never".encode())
        register(writer, namespace)
    assert counts(connection) == {"space": 1, "episode": 1, "node": 10, "asset": 1}


def test_an_episode_that_is_taken_away_meanwhile_is_for_another_try(
    connection: psycopg.Connection, database_url: str, namespace: str
) -> None:
    with (
        connect(database_url) as writer,
        psycopg.connect(database_url) as taker,
        ThreadPoolExecutor(1) as pool,
    ):
        register(writer, namespace, name=None)
        connection.execute("DELETE FROM asset")
        taker.execute("DELETE FROM episode")
        registering = pool.submit(register, writer, namespace, name=None)
        until(lambda: waiting_for_a_lock(connection, writer))
        taker.commit()

        with pytest.raises(Unavailable):
            registering.result()
        register(writer, namespace, name=None)


def waiting_for_a_lock(connection: psycopg.Connection, of: Connection) -> bool:
    statement = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
    return connection.execute(statement, [of.info.backend_pid]).fetchone() == (True,)


def test_a_registration_that_is_sent_twice_registers_once(
    connection: psycopg.Connection, database_url: str, namespace: str
) -> None:
    asset_id = str(uuid7())
    with connect(database_url) as writer:
        first, second = (register(writer, namespace, asset_id) for _ in range(2))
    assert first == second
    assert counts(connection) == {"space": 1, "episode": 1, "node": 10, "asset": 1}


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("episode", "space_id"),
        ("node", "space_id"),
        ("node", "episode_id"),
        ("node", "parent_id"),
        ("asset", "space_id"),
        ("asset", "episode_id"),
        ("asset", "node_id"),
    ],
)
def test_no_row_can_point_into_another_namespace(
    connection: psycopg.Connection, database_url: str, namespace: str, table: str, column: str
) -> None:
    store.namespace.create(connection, namespace="other")
    store.namespace.add_member(connection, namespace="other", subject=WRITER, role="writer")
    with connect(database_url) as writer:
        register(writer, namespace)
        other = register(writer, "other")
    target = other.node_id if column == "parent_id" else getattr(other, column)
    statement = (
        f"UPDATE {table} SET {column} = %s WHERE namespace_id ="
        " (SELECT namespace_id FROM namespace WHERE slug = %s)"
    )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute(statement.encode(), [target, namespace])
