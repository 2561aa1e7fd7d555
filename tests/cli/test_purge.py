"""The command dreamlake-assets purge: which assets leave the database, and what is printed."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
from click.testing import CliRunner

from dreamlake_assets.cli import main
from dreamlake_assets.database.connection import connect
from dreamlake_assets.store import purge as purging
from tests.support.roles import OWNER, SERVICE, as_role

PROGRAM = Path(sys.executable).parent / "dreamlake-assets"

#: The first id of a batch ends in ten bits that are 0.
BATCH, OTHER_BATCH = "01970000-0000-7000-8000-000000000400", "01970000-0000-7000-8000-000000000800"
SINGLE = "01970000-0000-7000-8000-00000000a000"

ALL = ("--older-than", "30d")


@pytest.fixture
def connection(connection: psycopg.Connection) -> psycopg.Connection:
    """A connection to two namespaces with a project each, for rows without folders."""
    connection.execute(
        "WITH added AS (INSERT INTO namespace (namespace_id, slug)"
        " SELECT gen_random_uuid(), slug FROM unnest(ARRAY['one', 'two']) AS slug"
        " RETURNING namespace_id)"
        " INSERT INTO space (namespace_id, space_id, slug)"
        " SELECT namespace_id, gen_random_uuid(), 'robotics' FROM added"
    )
    return connection


def add(connection: psycopg.Connection, days: int | None, **values: object) -> str:
    """Add an asset that was deleted some days ago, or is live."""
    columns = {"asset_id": None, "bss_id": None, "name": None, "idempotency_key": None}
    row = connection.execute(
        "INSERT INTO asset (namespace_id, space_id, asset_id, kind, bss_id, name, idempotency_key,"
        " size, sha256, deleted_at) SELECT namespace_id, space_id,"
        " coalesce(%(asset_id)s, gen_random_uuid()), %(kind)s, %(bss_id)s, %(name)s,"
        " %(idempotency_key)s, 5, sha256('bytes'), now() - make_interval(days => %(days)s)"
        " FROM space JOIN namespace USING (namespace_id) WHERE namespace.slug = %(namespace)s"
        " RETURNING asset_id::text",
        {**columns, "kind": "audio", "namespace": "one", **values, "days": days},
    ).fetchone()
    assert row
    return row[0]


def ids(connection: psycopg.Connection) -> set[str]:
    return {id_ for (id_,) in connection.execute("SELECT asset_id::text FROM asset")}


def purge(url: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, "purge", *options],
        env={"DATABASE_URL": as_role(OWNER, url)},
        capture_output=True,
        text=True,
        check=False,
    )


def purged(url: str, *options: str) -> list[dict[str, Any]]:
    done = purge(url, *options)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    verb = "would purge" if "--dry-run" in options else "purged"
    assert done.stderr.splitlines()[-1] == f"{verb} {len(lines)} assets"
    return lines


def test_what_was_deleted_long_ago_is_printed_and_removed(
    database_url: str, connection: psycopg.Connection
) -> None:
    kept = {add(connection, None, bss_id="live"), add(connection, 29, bss_id="recent")}
    # Oldest first: nothing else has these bytes, but another kind has the same id.
    oldest = add(connection, 90, bss_id="own", name="/a.wav", idempotency_key="key")
    kept.add(add(connection, None, bss_id="own", kind="file"))
    expired = [
        oldest,
        add(connection, 80, bss_id="live", namespace="two"),
        add(connection, 70, bss_id="recent"),
        add(connection, 60, bss_id="twice"),
        add(connection, 50, bss_id="twice", namespace="two"),
        add(connection, 40),
    ]
    of_two = [expired[1], expired[4]]

    before = ids(connection)
    lines = purged(database_url, *ALL, "--dry-run")
    assert ids(connection) == before
    assert lines[0].pop("deletedAt").endswith("Z")
    assert len(lines[0].pop("projectId")) == 36
    assert lines[0] == {
        "id": oldest,
        "namespace": "one",
        "kind": "audio",
        "bssId": "own",
        "sha256": "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9",
        "size": 5,
        "name": "/a.wav",
        "inUse": False,
    }
    assert [line["id"] for line in lines] == expired
    assert [line["inUse"] for line in lines] == [False, True, True, True, False, False]

    lines = purged(database_url, *ALL, "--namespace", "two")
    assert [line["id"] for line in lines] == of_two
    assert [line["inUse"] for line in lines] == [True, True]
    lines = purged(database_url, *ALL)
    assert [line["inUse"] for line in lines] == [False, True, False, False]
    assert ids(connection) == kept
    assert purged(database_url, *ALL) == []
    # The key is free again.
    add(connection, None, idempotency_key="key")


def test_the_key_of_a_batch_stays_as_long_as_an_asset_of_the_batch(
    database_url: str, connection: psycopg.Connection
) -> None:
    def add_batch(first: str, *days: int | None) -> list[str]:
        keys = ["key " + first, *[None] * len(days)]
        return [
            add(connection, each, asset_id=f"{first[:-1]}{number}", idempotency_key=keys[number])
            for number, each in enumerate(days)
        ]

    batch, other = add_batch(BATCH, 90, 80, None), add_batch(OTHER_BATCH, 90, 80, 70)
    single = add(connection, 100, asset_id=SINGLE, idempotency_key="key")
    later = add(connection, 40)
    expected = [batch[1], other[1], other[2], later, single, other[0]]
    for options in ((*ALL, "--dry-run"), ALL):
        lines = purged(database_url, *options)
        assert sorted(line["id"] for line in lines[:4]) == sorted(expected[:4])
        assert [line["id"] for line in lines[4:]] == expected[4:]
    assert ids(connection) == {batch[0], batch[2]}

    connection.execute("UPDATE asset SET deleted_at = now() - interval '35 days'")
    assert [line["id"] for line in purged(database_url, *ALL)] == [batch[2], batch[0]]


def add_many(connection: psycopg.Connection, count: int) -> None:
    connection.execute(
        "INSERT INTO asset (namespace_id, space_id, asset_id, kind, deleted_at)"
        " SELECT namespace_id, space_id, gen_random_uuid(), 'audio',"
        " now() - make_interval(days => 40, secs => number)"
        " FROM space JOIN namespace USING (namespace_id), generate_series(1, %s) AS number"
        " WHERE namespace.slug = 'one'",
        [count],
    )


def test_an_interrupted_run_prints_each_asset_before_it_is_removed(
    database_url: str, connection: psycopg.Connection
) -> None:
    add_many(connection, 2_500)
    before = ids(connection)
    run = subprocess.Popen(
        [PROGRAM, "purge", *ALL],
        env={"DATABASE_URL": as_role(OWNER, database_url)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert run.stdout
    printed = {json.loads(next(run.stdout))["id"] for _ in range(10)}
    # The pipe holds fewer lines than a transaction, so the reader leaves in the middle of one.
    run.stdout.close()
    assert run.wait() == 1
    assert ids(connection) == before

    lines = purged(database_url, *ALL)
    assert [line["deletedAt"] for line in lines] == sorted(line["deletedAt"] for line in lines)
    assert {line["id"] for line in lines} == before > printed
    assert ids(connection) == set()


def test_an_asset_that_is_restored_meanwhile_stays(
    database_url: str, connection: psycopg.Connection
) -> None:
    add_many(connection, purging.TRANSACTION + 1)
    newest = connection.execute(
        "SELECT asset_id FROM asset ORDER BY deleted_at DESC LIMIT 1"
    ).fetchone()
    announced: list[int] = []

    def announce(assets: list[dict[str, Any]]) -> None:
        announced.append(len(assets))
        connection.execute("UPDATE asset SET deleted_at = NULL WHERE asset_id = %s", newest)

    with connect(as_role(OWNER, database_url)) as owner:
        total = purging.purge(owner, older_than=timedelta(days=30), announce=announce)
    assert (total, announced) == (purging.TRANSACTION, [purging.TRANSACTION, 0])
    assert ids(connection) == {str(*cast("Iterable[object]", newest))}


@pytest.fixture
def busy(connection: psycopg.Connection) -> Iterator[None]:
    connection.execute("SELECT pg_advisory_lock(hashtext('dreamlake_assets: purge'))")
    yield
    connection.execute("SELECT pg_advisory_unlock_all()")


def refused(url: str, options: tuple[str, ...], message: str, exit_code: int = 1) -> None:
    result = CliRunner().invoke(main, ["purge", *options], env={"DATABASE_URL": url})
    assert (result.exit_code, result.stdout) == (exit_code, "")
    assert result.stderr.splitlines()[-1].startswith(f"Error: {message}")


@pytest.mark.usefixtures("busy")
def test_one_run_at_a_time(database_url: str) -> None:
    refused(database_url, ALL, "another purge is in progress")


def test_errors(database_url: str, connection: psycopg.Connection) -> None:
    add(connection, 40)
    refused(database_url, (*ALL, "--namespace", "three"), "the namespace three does not exist")
    for age in ("30", "-1d", "1y", "1 d"):
        refused(database_url, ("--older-than", age), "Invalid value for '--older-than'", 2)
    refused(database_url, (), "Missing option '--older-than'", 2)
    service = as_role(SERVICE, database_url)
    refused(service, ALL, "42501: permission denied for table asset")
    assert len(ids(connection)) == 1
