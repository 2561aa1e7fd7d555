"""Short versions of the database faults of ``make faults``."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from flask import Flask

from dreamlake_assets import deadlines
from dreamlake_assets.config import Settings
from dreamlake_assets.database.server import RETRY_SECONDS
from tests.conftest import add_namespace, headers_of, settings_of
from tests.faults import database_faults
from tests.faults.outcome import Outcome
from tests.support.api import Api, serving
from tests.support.wire import WireProxy


def test_killed() -> None:
    assert broken(database_faults.killed(1)) == []


def test_restarted() -> None:
    assert broken(database_faults.restarted(2)) == []


def test_cut() -> None:
    assert broken(database_faults.cut(5)) == []


def test_failover() -> None:
    assert broken(database_faults.failover(1)) == []


def test_read_only() -> None:
    assert broken(database_faults.read_only(1, seconds=3)) == []


def broken(outcome: Outcome) -> list[str]:
    return outcome.broken


@pytest.fixture
def app(proxy: WireProxy, database_url: str, connection: psycopg.Connection) -> Iterator[Flask]:
    add_namespace(connection)
    with serving(settings_of(proxy.url(database_url))) as app:
        app.extensions["dreamlake_assets"].database.wait()
        yield app


@pytest.fixture
def api(app: Flask, settings: Settings) -> Api:
    return Api(app.test_client(), headers_of(settings))


def test_dead_idle_connections_cost_no_pause(api: Api, proxy: WireProxy) -> None:
    """The check of the pool itself would pause after the second dead connection, each time."""
    took: list[float] = []
    for _ in range(5):
        proxy.cut_all()
        begun = time.monotonic()
        assert api.register(name="/a").status_code == 201
        took.append(time.monotonic() - begun)
    # Other load on the machine delays one of them, but not each.
    assert min(took) < RETRY_SECONDS


def test_a_dead_idle_connection_is_not_used_for_a_stream(api: Api, proxy: WireProxy) -> None:
    """A stream that loses its connection is not retried."""
    api.register(name="/a")
    for _ in range(3):
        assert api.names() == ["/a"]
        proxy.cut_all()


def test_a_frozen_database_is_given_its_time_and_no_more(
    api: Api, proxy: WireProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "DATABASE", 2.0)
    # After one timeout, requests wait less until one succeeds.
    for _ in range(2):
        assert api.register(name="/a").status_code == 201
        proxy.freeze()
        for seconds in (deadlines.DATABASE, deadlines.DATABASE_AWAY):
            begun = time.monotonic()
            response = api.register(name="/a")
            assert seconds <= time.monotonic() - begun < seconds + 2
            assert response.status_code == 503
            assert response.json["code"] == "database_unavailable"
            assert response.headers["Retry-After"].isdecimal()
        proxy.thaw()
    assert api.register(name="/a").status_code == 201


def test_a_stream_may_take_longer_than_a_request(
    api: Api, proxy: WireProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.register(name="/a")
    # Opens a connection for the stream first: connecting takes a part of the time.
    assert api.names() == ["/a"]
    monkeypatch.setattr(deadlines, "DATABASE", 0.5)
    proxy.freeze()
    with ThreadPoolExecutor(1) as executor:
        listing = executor.submit(api.with_client_of_its_own().names)
        with pytest.raises(TimeoutError):
            listing.result(timeout=2 * deadlines.DATABASE)
        proxy.thaw()
        assert listing.result() == ["/a"]


def test_a_stream_whose_database_freezes_ends(
    api: Api, proxy: WireProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "STREAM_ROWS", 0.5)
    api.register(name="/a")
    assert api.names() == ["/a"]
    proxy.freeze()
    begun = time.monotonic()
    response = api.listing()
    assert time.monotonic() - begun < 5
    assert response.status_code == 503
    assert response.json["code"] == "database_unavailable"
    proxy.thaw()


def test_connections_to_a_server_that_was_demoted_are_left(app: Flask, api: Api) -> None:
    """They remain open, and report the demotion only on a write."""
    database = app.extensions["dreamlake_assets"].database
    for _ in range(2):
        database.run(lambda connection: connection.execute("SET default_transaction_read_only = 1"))
    assert api.register(name="/a").status_code == 201


def test_each_deadline_is_within_the_next_one_out() -> None:
    bss = 5.0
    assert deadlines.LOCK < deadlines.STATEMENT < deadlines.DATABASE < deadlines.request(bss)
    assert deadlines.CONNECT < deadlines.DATABASE
    assert deadlines.STREAM_ROWS < deadlines.STREAM
