"""A request with an Idempotency-Key, sent many times at once, or again after a lost connection."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from werkzeug.test import TestResponse

from dreamlake_assets import store
from dreamlake_assets.config import Settings
from dreamlake_assets.database.connection import connect
from dreamlake_assets.errors import IdempotencyKeyReused
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS
from tests.conftest import WRITER, headers_of
from tests.support.api import Api, row_counts, serving
from tests.support.waiting import until

TIMES = 100
ROUNDS = 10


@pytest.fixture
def api(settings: Settings, namespace: str) -> Iterator[Api]:
    """The service with a thread for each request."""
    assert namespace
    with serving(replace(settings, threads=TIMES)) as app:
        app.extensions["dreamlake_assets"].database.wait()
        yield Api(app.test_client(), headers_of(settings))


def at_once(api: Api, key: str, bodies: list[dict[str, Any]]) -> list[TestResponse]:
    def post(body: dict[str, Any]) -> TestResponse:
        return api.with_client_of_its_own().register(idempotency_key=key, **body)

    with ThreadPoolExecutor(TIMES) as pool:
        return list(pool.map(post, bodies))


def test_a_hundred_at_once_register_one_asset(api: Api, connection: psycopg.Connection) -> None:
    for number in range(ROUNDS):
        # The path is new in every other round.
        path = {"episodeName": f"run-{number // 2}", "name": f"/a/b{number // 2}/file"}
        answers = at_once(api, f"key-{number}", [path] * TIMES)

        assert [answer.status_code for answer in answers] == [201] * TIMES
        assert len({answer.get_data() for answer in answers}) == 1
        replayed = [answer.headers.get("Idempotent-Replayed") for answer in answers]
        assert sorted(replayed, key=str) == [None, *["true"] * (TIMES - 1)]
        assert row_counts(connection)["asset"] == number + 1


def test_of_different_requests_at_once_one_registers_and_the_others_leave_nothing(
    api: Api, connection: psycopg.Connection
) -> None:
    for number in range(ROUNDS):
        path = f"/{number}"
        bodies = [
            {"episodeName": f"run-{number}-{each}", "name": f"{path}/{each}/file"}
            for each in range(20)
        ]
        before = row_counts(connection)

        answers = at_once(api, path, bodies)

        assert sorted(answer.status_code for answer in answers) == [201, *[422] * 19]
        after = row_counts(connection)
        made = {table: after[table] - before[table] for table in ("episode", "node", "asset")}
        assert made == {"episode": 1, "node": 2, "asset": 1}


class TestSentAgain:
    """A connection is lost before the response, and the statement is resent with the same id."""

    @pytest.fixture
    def sent(self, namespace: str, database_url: str) -> dict[str, Any]:
        asset = {"namespace": namespace, "project": "robotics", "episode": None, "name": "/a"}
        asset |= {"bss_id": None, "tags": [], "metadata": None}
        sent = {"kind": KINDS["label-track"], "subject": WRITER, "asset": asset}
        with connect(database_url) as connection:
            # Creates the path.
            store.asset.register(connection, asset_id=str(uuid7()), **sent)
        return {**sent, "asset_id": str(uuid7()), "idempotency_key": "key"}

    def test_after_it_was_carried_out(
        self, connection: psycopg.Connection, database_url: str, sent: dict[str, Any]
    ) -> None:
        with connect(database_url) as lost, connect(database_url) as fresh:
            first = store.asset.register(lost, **sent)
            assert store.asset.register(fresh, **sent) == first
        assert first.asset_id == sent["asset_id"]
        assert row_counts(connection)["asset"] == 2

    def test_while_it_is_under_way(
        self, connection: psycopg.Connection, database_url: str, sent: dict[str, Any]
    ) -> None:
        with (
            ThreadPoolExecutor(1) as pool,
            connect(database_url) as lost,
            connect(database_url) as fresh,
        ):
            with lost.transaction():
                first = store.asset.register(lost, **sent)
                second = pool.submit(store.asset.register, fresh, **sent)
                wait_for_a_lock(connection)
            assert second.result() == first
        assert first.asset_id == sent["asset_id"]
        assert row_counts(connection)["asset"] == 2

    def test_another_request_under_the_key_is_refused(
        self, connection: psycopg.Connection, database_url: str, sent: dict[str, Any]
    ) -> None:
        other = {**sent, "asset_id": str(uuid7()), "asset": {**sent["asset"], "bss_id": "x"}}
        with (
            ThreadPoolExecutor(1) as pool,
            connect(database_url) as first,
            connect(database_url) as second,
        ):
            with first.transaction():
                store.asset.register(first, **sent)
                refused = pool.submit(store.asset.register, second, **other)
                wait_for_a_lock(connection)
            with pytest.raises(IdempotencyKeyReused):
                refused.result()
        assert row_counts(connection)["asset"] == 2


def wait_for_a_lock(connection: psycopg.Connection) -> None:
    """Wait until some statement waits for another transaction."""
    waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    until(lambda: connection.execute(waiting).fetchone() is not None)
