"""A real streaming replica that serves the reads."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest
from flask import Flask

from dreamlake_assets import deadlines
from dreamlake_assets.config import Settings
from dreamlake_assets.database.sqlstates import translated
from tests.conftest import headers_of, settings_of
from tests.faults.stage import running_pair
from tests.support.api import Api, serving
from tests.support.cluster import PostgresServer
from tests.support.waiting import until
from tests.support.wire import WireProxy

Pair = tuple[PostgresServer, PostgresServer]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with running_pair() as pair:
        yield pair


@pytest.fixture
def primary(pair: Pair) -> Iterator[WireProxy]:
    with WireProxy("127.0.0.1", pair[0].port) as proxy:
        yield proxy


@pytest.fixture
def replica(pair: Pair) -> Iterator[WireProxy]:
    with WireProxy("127.0.0.1", pair[1].port) as proxy:
        yield proxy


@pytest.fixture
def settings(pair: Pair, primary: WireProxy, replica: WireProxy) -> Settings:
    return replace(
        settings_of(primary.url(pair[0].url)), database_read_url=replica.url(pair[1].url)
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    with serving(settings) as app:
        app.extensions["dreamlake_assets"].database.wait()
        yield app


@pytest.fixture
def api(app: Flask, pair: Pair, settings: Settings) -> Api:
    """The service, with a video that the replica has received."""
    api = Api(app.test_client(), headers_of(settings))
    api.register(name="/a", bssVideoId="a")
    catch_up(pair)
    return api


def catch_up(pair: Pair) -> None:
    """Wait until the replica has caught up with the primary."""
    primary, replica = pair
    [[position]] = primary.query("SELECT pg_current_wal_lsn()")
    until(lambda: replica.query(f"SELECT pg_last_wal_replay_lsn() >= '{position}'")[0][0], 10)


READS: dict[str, Callable[[Api], int]] = {
    "list": lambda api: api.listing().status_code,
    "page": lambda api: api.listing(limit=1).status_code,
    # BSS is unavailable in these tests; the database is queried before BSS.
    "download": lambda api: 200 if api.download(path="/a").status_code == 502 else 0,
}


@pytest.mark.parametrize("read", READS)
def test_a_read_is_one_roundtrip_to_the_replica(
    api: Api, primary: WireProxy, replica: WireProxy, read: str
) -> None:
    with primary.count() as to_primary, replica.count() as to_replica:
        assert READS[read](api) == 200
    assert (to_primary.roundtrips, to_replica.roundtrips) == (0, 1)


def test_a_registration_goes_to_the_primary(
    api: Api, primary: WireProxy, replica: WireProxy
) -> None:
    with primary.count() as to_primary, replica.count() as to_replica:
        assert api.register(name="/a").status_code == 201
    assert (to_primary.roundtrips, to_replica.roundtrips) == (1, 0)


@pytest.mark.parametrize("read", READS)
def test_a_replica_that_is_away_is_left_for_the_primary(
    api: Api, pair: Pair, primary: WireProxy, read: str
) -> None:
    pair[1].stop()
    try:
        begun = time.monotonic()
        assert READS[read](api) == 200
        assert time.monotonic() - begun < deadlines.REPLICA + 2
        with primary.count() as to_primary:
            assert READS[read](api) == 200
        assert to_primary.roundtrips == 1
    finally:
        pair[1].start()


def test_dead_idle_connections_to_the_replica_are_replaced(
    api: Api, primary: WireProxy, replica: WireProxy
) -> None:
    """Otherwise a read on a dead connection would suspend the replica for a while."""
    replica.cut_all()
    with primary.count() as to_primary:
        assert api.names(limit=10) == api.names()
    assert to_primary.roundtrips == 0


@pytest.mark.parametrize("first", ["page", "list"])
def test_a_replica_that_stands_still_is_left_and_found_again(
    api: Api, replica: WireProxy, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.setattr(deadlines, "REPLICA", 1.0)
    monkeypatch.setattr(deadlines, "REPLICA_RESTS", 3.0)
    replica.freeze()
    assert READS[first](api) == 200
    # The next request does not wait for the replica.
    begun = time.monotonic()
    assert READS["page"](api) == 200
    assert time.monotonic() - begun < deadlines.REPLICA
    replica.thaw()

    def is_asked() -> bool:
        with replica.count() as to_replica:
            api.names(limit=10)
        return to_replica.roundtrips == 1

    until(is_asked, deadlines.REPLICA_RESTS + 5)


def test_a_read_that_the_replica_had_to_break_off_is_read_from_the_primary(
    app: Flask, api: Api
) -> None:
    """This happens when the primary removes rows that the replica still reads."""
    asked = []

    def read(connection: psycopg.Connection) -> bool:
        [in_recovery] = connection.execute("SELECT pg_is_in_recovery()").fetchall()[0]
        asked.append(in_recovery)
        if in_recovery:
            raise_conflict(connection)
        return in_recovery

    assert app.extensions["dreamlake_assets"].database.read(read) is False
    assert asked == [True, False]


def raise_conflict(connection: psycopg.Connection) -> None:
    try:
        connection.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
    except psycopg.Error as error:
        raise translated(error) from error


def test_without_a_replica_nothing_changes(
    pair: Pair, settings: Settings, primary: WireProxy
) -> None:
    with serving(replace(settings, database_read_url=None)) as app:
        app.extensions["dreamlake_assets"].database.wait()
        api = Api(app.test_client(), headers_of(settings))
        api.register(name="/a")
        with primary.count() as to_primary:
            api.names(limit=10)
        assert to_primary.roundtrips == 1
