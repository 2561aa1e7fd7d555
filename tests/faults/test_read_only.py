"""A read-only database: reads continue, and writes are refused with the reason."""

import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from flask import Flask

from dreamlake_assets import deadlines
from dreamlake_assets.database.connection import connect
from dreamlake_assets.database.heads import Head
from dreamlake_assets.database.statements import one_flight
from dreamlake_assets.errors import NotPermitted
from tests.conftest import add_namespace, headers_of, settings_of
from tests.faults.stage import running_pair
from tests.support.api import Api, serving
from tests.support.cluster import PostgresServer
from tests.support.roles import SERVICE, as_role
from tests.support.waiting import until
from tests.support.wire import WireProxy

READ_ONLY = {"status": "ok", "writes": "read_only"}


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    with running_pair() as pair:
        pair[0].query(
            "INSERT INTO space (namespace_id, space_id, slug)"
            " SELECT namespace_id, gen_random_uuid(), 'robotics' FROM namespace RETURNING 1"
        )
        yield pair


def reads_and_refuses_writes(api: Api) -> None:
    refused = api.register(name="/a")
    assert refused.status_code == 503
    assert refused.json["code"] == "database_read_only"
    assert refused.headers["Retry-After"] == "1"
    assert api.listing(limit=1).status_code == 200
    assert api.names() == []
    ready = api.ask("/readyz")
    assert (ready.status_code, ready.json) == (200, READ_ONLY)


def test_a_service_that_starts_on_a_read_only_database_reads(
    pair: tuple[PostgresServer, PostgresServer],
) -> None:
    primary, _ = pair
    primary.set_read_only("on")
    settings = settings_of(primary.url)
    with WireProxy("127.0.0.1", primary.port) as proxy:
        settings = replace(settings, database_url=proxy.url(primary.url))
        with serving(settings) as app:
            api = Api(app.test_client(), headers_of(settings))
            begun = time.monotonic()
            for _ in range(20):
                reads_and_refuses_writes(api)
            checks = (time.monotonic() - begun) / deadlines.WRITE_CHECK + 1
            # The other connections belong to the pools.
            assert proxy.connections <= settings.threads + settings.threads // 2 + checks
            primary.set_read_only("off")
            until(lambda: api.register(name="/a").status_code == 201, 5)
            assert api.ask("/readyz").json == {"status": "ok"}


def test_a_standby_behind_a_single_address_reads(
    pair: tuple[PostgresServer, PostgresServer], app_of_standby: tuple[Flask, WireProxy]
) -> None:
    app, proxy = app_of_standby
    primary, standby = pair
    api = Api(app.test_client(), headers_of(settings_of(standby.url)))
    primary.query("DELETE FROM asset RETURNING 1")
    until(lambda: standby.query("SELECT count(*) FROM asset") == [(0,)], 10)
    reads_and_refuses_writes(api)
    # The address moves to a writable server; the connections to the standby remain open.
    proxy.upstream = ("127.0.0.1", primary.port)
    until(lambda: api.register(name="/a").status_code == 201, deadlines.WRITE_CHECK + 2)
    assert api.ask("/readyz").json == {"status": "ok"}


@pytest.fixture
def app_of_standby(
    pair: tuple[PostgresServer, PostgresServer],
) -> Iterator[tuple[Flask, WireProxy]]:
    standby = pair[1]
    with (
        WireProxy("127.0.0.1", standby.port) as proxy,
        serving(settings_of(proxy.url(standby.url))) as app,
    ):
        yield app, proxy


def test_a_role_without_insert_reads(database_url: str, connection: psycopg.Connection) -> None:
    add_namespace(connection)
    settings = settings_of(as_role(SERVICE, database_url))
    with serving(settings) as app:
        api = Api(app.test_client(), headers_of(settings))
        api.register(name="/a")
        connection.execute("DELETE FROM asset")
        connection.execute("REVOKE INSERT ON asset FROM dreamlake_service")
        reads_and_refuses_writes(api)
        connection.execute("GRANT INSERT ON asset TO dreamlake_service")
        assert api.register(name="/a").status_code == 201


def test_a_flight_that_fails_leaves_the_connection_usable(
    database_url: str, connection: psycopg.Connection
) -> None:
    connection.execute("REVOKE INSERT ON asset FROM dreamlake_service")
    flight = [(name, Head(name).examples) for name in ("asset/find_by_id", "asset/insert") * 200]
    with connect(as_role(SERVICE, database_url)) as session:
        for _ in range(5):
            # The error of the second statement arrives while later ones are sent.
            with pytest.raises(NotPermitted):
                one_flight(session, flight)
            assert session.execute("SELECT 1").fetchone() == (1,)
            assert one_flight(session, flight[:1] * 2) == [[], []]


def test_the_log_says_why_and_when_it_is_over(
    database_url: str, connection: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    add_namespace(connection)
    settings = settings_of(as_role(SERVICE, database_url))
    connection.execute("REVOKE INSERT ON asset FROM dreamlake_service")
    with serving(settings) as app:
        api = Api(app.test_client(), headers_of(settings))
        for _ in range(3):
            api.register(name="/a")
        connection.execute("GRANT INSERT ON asset TO dreamlake_service")
        api.register(name="/a")
    said = [each.getMessage() for each in caplog.records if "the primary" in each.getMessage()]
    assert len(said) == 2
    assert said[0].startswith("the primary has been read-only for")
    assert said[0].endswith("permission denied for table asset")
    assert said[1].startswith("the primary is writable again after")
