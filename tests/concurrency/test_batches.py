"""Batches that use the same paths or the same key at once, or that are sent again."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier, BrokenBarrierError
from typing import Any
from uuid import UUID

import psycopg
import pytest

from dreamlake_assets import store
from dreamlake_assets.database.connection import Connection, connect
from dreamlake_assets.database.pool import Database
from dreamlake_assets.errors import IdempotencyKeyReused
from dreamlake_assets.model.ids import first_of_batch
from dreamlake_assets.schemas import batches
from tests.conftest import NAMESPACE, WRITER
from tests.support.api import row_counts
from tests.support.wire import WireProxy

CLIENTS = 8
SECONDS = 3.0

#: Folders two deep in ten episodes, and in none.
PLACES = [
    (episode, f"/{outer}/{inner}")
    for episode in (None, *(f"run-{number}" for number in range(10)))
    for outer in range(3)
    for inner in range(3)
]


@pytest.fixture
def connections(database_url: str, namespace: str) -> Iterator[list[Connection]]:
    assert namespace
    with ExitStack() as stack:
        yield [stack.enter_context(connect(database_url)) for _ in range(CLIENTS)]


def batch(places: list[tuple[str | None, str]], project: str = "robotics", **of: Any) -> Any:
    """The parameters of :func:`store.batch.register`."""
    items = [
        {"kind": "label-track", "episodeName": episode, "name": f"{folder}/file", **of}
        for episode, folder in places
    ]
    loaded = batches.load({"namespace": NAMESPACE, "project": project, "assets": items})
    return {
        "first_id": first_of_batch(),
        "subject": WRITER,
        "namespace": NAMESPACE,
        "project": project,
        "assets": loaded.assets,
    }


def test_batches_that_overlap_do_not_deadlock(
    connections: list[Connection], connection: psycopg.Connection
) -> None:
    """Each round creates the same folders of a new project, in a random order."""
    end = time.monotonic() + SECONDS
    together = Barrier(CLIENTS)
    rounds = [0] * CLIENTS

    def register(client: int) -> None:
        shuffled = random.Random(client)
        try:
            while time.monotonic() < end:
                together.wait()
                places = shuffled.sample(PLACES, 60)
                project = f"round-{rounds[client]}"
                store.batch.register(connections[client], **batch(places, project))
                rounds[client] += 1
        except BrokenBarrierError:
            pass
        finally:
            # The others would wait for this client.
            together.abort()

    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(register, client) for client in range(CLIENTS)]:
            done.result()

    assert min(rounds) > 5
    assert row_counts(connection)["asset"] == 60 * sum(rounds)
    [(projects, episodes)] = connection.execute(
        "SELECT count(DISTINCT slug), (SELECT count(*) FROM episode) FROM space"
    ).fetchall()
    assert projects == max(rounds)
    assert episodes <= 10 * projects
    [(nodes, different)] = connection.execute(
        "SELECT count(*), count(DISTINCT (scope_id, path)) FROM node"
    ).fetchall()
    assert nodes == different <= 11 * 12 * projects


def test_of_batches_with_one_key_at_once_one_registers(
    connections: list[Connection], connection: psycopg.Connection
) -> None:
    for number in range(10):
        # The paths are new in every other round.
        same = batch(PLACES, f"round-{number // 2}")
        key = f"key-{number}"

        def register(of: Connection, same: Any = same, key: str = key) -> Any:
            own = {**same, "first_id": first_of_batch()}
            return store.batch.register(of, idempotency_key=key, **own)

        with ThreadPoolExecutor(CLIENTS) as pool:
            found = list(pool.map(register, connections))

        assert found == found[:1] * CLIENTS
        assert row_counts(connection)["asset"] == len(PLACES) * (number + 1)


def test_of_different_batches_with_one_key_one_registers_and_the_others_leave_nothing(
    connections: list[Connection], connection: psycopg.Connection
) -> None:
    for number in range(10):
        before = row_counts(connection)

        def register(client: int, key: str = f"key-{number}") -> bool:
            place = (f"run-{key}-{client}", f"/{key}/{client}")
            try:
                store.batch.register(
                    connections[client], idempotency_key=key, **batch([place, place])
                )
            except IdempotencyKeyReused:
                return False
            return True

        with ThreadPoolExecutor(CLIENTS) as pool:
            assert sum(pool.map(register, range(CLIENTS))) == 1

        after = row_counts(connection)
        made = {table: after[table] - before[table] for table in ("episode", "node", "asset")}
        assert made == {"episode": 1, "node": 2, "asset": 2}


@pytest.mark.parametrize("key", [None, "key"])
def test_a_batch_is_sent_again_after_a_lost_connection(
    database_url: str, namespace: str, connection: psycopg.Connection, key: str | None
) -> None:
    """Whether it had been carried out or not, it is registered once, with the same ids."""
    assert namespace
    with WireProxy.before(database_url) as proxy:
        database = Database(proxy.url(database_url), connections=1, streams=1)
        database.open()
        try:
            for number, cut in enumerate((0, 1, 40, 400, 4_000, None)):
                wanted = batch(PLACES, f"round-{number // 2}")
                if cut is not None:
                    proxy.cut(after_bytes=cut)
                given = key and f"{key}-{number}"
                found = database.write(store.batch.register, idempotency_key=given, **wanted)
                first = wanted["first_id"].int
                ids = [str(UUID(int=first + position)) for position in range(len(PLACES))]
                assert [each.asset_id for each in found] == ids
                assert row_counts(connection)["asset"] == len(PLACES) * (number + 1)
        finally:
            database.close()
