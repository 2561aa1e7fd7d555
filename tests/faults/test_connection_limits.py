"""The database allows fewer connections than the pools of all workers want."""

import http.client
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.conftest import NAMESPACE
from tests.faults.stage import Service, running_database, running_service
from tests.faults.writers import writing
from tests.support.cluster import PostgresServer
from tests.support.waiting import until

ROLE = "service_of_the_test"
CREATE_ROLE = (
    f"CREATE ROLE {ROLE} LOGIN",
    f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {ROLE}",
)


@contextmanager
def limited(limit: str, directory: Path, *options: str) -> Iterator[tuple[PostgresServer, Service]]:
    """Two workers that want three connections each, and a database with a limit."""
    with running_database(*options) as database:
        with psycopg.connect(database.url, autocommit=True) as connection:
            for statement in (*CREATE_ROLE, limit):
                connection.execute(statement.encode())
        url = database.url.replace("//postgres@", f"//{ROLE}@")
        log = directory / "service.log"
        with running_service(url, log=log, DREAMLAKE_THREADS="2", WEB_CONCURRENCY="2") as service:
            yield database, service


@contextmanager
def clients_of_both_workers(service: Service) -> Iterator[Callable[[str], Counter[int]]]:
    """Send a request on each of 16 connections, and count the statuses of the responses."""
    connections = [http.client.HTTPConnection("127.0.0.1", service.port) for _ in range(16)]

    def ask(path: str) -> Counter[int]:
        statuses = Counter[int]()
        for connection in connections:
            connection.request("GET", path, headers=service.headers())
            response = connection.getresponse()
            response.read()
            statuses[response.status] += 1
        return statuses

    try:
        # Connections spread over the workers as they are made.
        ask("/livez")
        assert all(service.connections())
        yield ask
    finally:
        for connection in connections:
            connection.close()


def held(database: PostgresServer) -> list[int]:
    """The connections of each worker that has some, in order."""
    rows = database.query(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dreamlake_assets %'"
        " GROUP BY application_name ORDER BY count(*)"
    )
    return [count for (count,) in rows]


def refused(database: PostgresServer) -> int:
    log = database.directory.parent / f"{database.directory.name}.log"
    return log.read_text().count("FATAL")


@pytest.mark.parametrize(
    ("limit", "options", "message"),
    [
        (f"ALTER ROLE {ROLE} CONNECTION LIMIT 2", [], f'connections for role "{ROLE}"'),
        ("ALTER DATABASE postgres CONNECTION LIMIT 2", [], 'connections for database "postgres"'),
        ("SELECT 1", ["max_connections=5"], "connection slots are reserved"),
    ],
    ids=["role", "database", "server"],
)
def test_workers_share_the_connections_that_there_are(
    tmp_path: Path, limit: str, options: list[str], message: str
) -> None:
    with (
        limited(limit, tmp_path, *options) as (database, service),
        clients_of_both_workers(service) as ask,
    ):
        before = refused(database)
        assert ask("/auth/me") == {200: 16}
        with writing(service.port, service.headers(), writers=8, batch_writers=0) as tally:
            for _ in range(20):
                assert ask("/readyz") == {200: 16}
        assert tally.errors == {}
        assert held(database) == [1, 1]
        # Each worker tries every five seconds to get a second connection.
        assert refused(database) - before < 20

    lines = (tmp_path / "service.log").read_text().splitlines()
    [line] = [line for line in lines if "allows too few connections" in line]
    assert message in line.replace("\\", "")
    assert not any("unreachable" in line or "discarding" in line for line in lines)


def test_a_single_connection_goes_from_worker_to_worker(tmp_path: Path) -> None:
    limit = f"ALTER ROLE {ROLE} CONNECTION LIMIT 1"
    with (
        limited(limit, tmp_path) as (_, service),
        clients_of_both_workers(service) as ask,
        writing(service.port, service.headers(), writers=4, batch_writers=0) as tally,
    ):
        assert ask("/auth/me") == {200: 16}
    assert tally.errors == {}
    assert tally.acknowledged != []


def test_a_stream_gets_a_connection_of_the_requests(tmp_path: Path) -> None:
    limit = f"ALTER ROLE {ROLE} CONNECTION LIMIT 4"
    with (
        limited(limit, tmp_path) as (database, service),
        clients_of_both_workers(service) as ask,
    ):
        with writing(service.port, service.headers(), writers=8, batch_writers=0):
            until(lambda: held(database) == [2, 2])
        for _ in range(3):
            assert ask(f"/assets/video?namespace={NAMESPACE}&project=robotics") == {200: 16}
            assert ask("/auth/me") == {200: 16}


def test_a_pool_grows_when_the_limit_is_raised(tmp_path: Path) -> None:
    limit = f"ALTER ROLE {ROLE} CONNECTION LIMIT 2"
    with (
        limited(limit, tmp_path) as (database, service),
        psycopg.connect(database.url, autocommit=True) as administrator,
        ExitStack() as writers,
    ):
        # The only client of a worker would not wait for a connection, so it would need no other.
        for count in range(2, 42, 2):
            writers.enter_context(writing(service.port, service.headers(), 2, batch_writers=0))
            until(lambda count=count: sum(service.connections()) >= count)
            if min(service.connections()) >= 4:
                break
        until(lambda: held(database) == [1, 1])
        administrator.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 10".encode())
        # A worker that has one of the clients needs one connection.
        until(lambda: sum(held(database)) > 2)
