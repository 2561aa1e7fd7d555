"""The counting proxy, between psycopg and a real PostgreSQL."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psycopg
import pytest

from tests.support.postgres import Server
from tests.support.waiting import until
from tests.support.wire import WireProxy

Connection = psycopg.Connection[tuple]


@pytest.fixture(scope="module")
def database_url(server: Server) -> Iterator[str]:
    with server.database() as url:
        yield url


def seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


@pytest.fixture
def connection(proxy: WireProxy, database_url: str) -> Iterator[Connection]:
    with psycopg.connect(proxy.url(database_url), autocommit=True) as connection:
        yield connection


def test_url_keeps_all_but_host_and_port(proxy: WireProxy):
    url = proxy.url(
        "postgresql://me:secret@db.example:6432/assets?sslmode=prefer&options=-c%20x%3Dy"
    )
    assert url == (
        f"postgresql://me:secret@127.0.0.1:{proxy.port}/assets?sslmode=prefer&options=-c%20x%3Dy"
    )


def test_a_connection_is_not_a_roundtrip(proxy: WireProxy, connection: Connection):
    assert (proxy.connections, proxy.roundtrips, proxy.statements) == (1, 0, [])


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_requests_for_encryption_are_declined(proxy: WireProxy, database_url: str, mode: str):
    with psycopg.connect(proxy.url(database_url), sslmode=mode) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert proxy.connections == 1


def test_one_statement_is_one_roundtrip(proxy: WireProxy, connection: Connection):
    connection.execute("SELECT 1")
    connection.execute("SELECT %s::int", [2])
    assert proxy.roundtrips == 2
    assert proxy.statements == ["SELECT 1", "SELECT $1::int"]
    assert proxy.parses == 1


def test_a_pipeline_is_one_roundtrip(proxy: WireProxy, connection: Connection):
    with connection.pipeline():
        for number in range(5):
            connection.execute("SELECT %s::int", [number])
    assert proxy.roundtrips == 1
    assert proxy.statements == ["SELECT $1::int"] * 5


def test_a_transaction_adds_two_roundtrips_and_no_statement(
    proxy: WireProxy, connection: Connection
):
    with connection.transaction():
        connection.execute("SELECT 1")
        connection.execute("SELECT 2")
    assert proxy.roundtrips == 4
    assert proxy.statements == ["SELECT 1", "SELECT 2"]


def test_the_first_use_of_a_prepared_statement_adds_a_roundtrip(
    proxy: WireProxy, connection: Connection
):
    with proxy.count() as first:
        connection.execute("SELECT %s::int", [1], prepare=True)
    with proxy.count() as second:
        connection.execute("SELECT %s::int", [2], prepare=True)
    assert (first.roundtrips, first.parses, first.statements) == (2, 1, ["SELECT $1::int"])
    assert (second.roundtrips, second.parses, second.statements) == (1, 0, ["SELECT $1::int"])
    assert proxy.roundtrips == 3


def test_a_statement_that_fails_is_a_roundtrip(proxy: WireProxy, connection: Connection):
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("SELECT 1 / 0")
    assert proxy.roundtrips == 1


def test_counts_are_kept_by_connection_and_reset(proxy: WireProxy, database_url: str):
    with (
        psycopg.connect(proxy.url(database_url), autocommit=True) as one,
        psycopg.connect(proxy.url(database_url), autocommit=True) as two,
    ):
        one.execute("SELECT 1")
        two.execute("SELECT 1")
        two.execute("SELECT 1")
        assert proxy.total.roundtrips_by_connection == {1: 1, 2: 2}
        proxy.reset()
        one.execute("SELECT 1")
        assert proxy.total.roundtrips_by_connection == {1: 1}
        assert proxy.connections == 0


def test_large_messages_pass_unchanged(proxy: WireProxy, connection: Connection):
    text = "Z" * 3_000_000
    row = connection.execute("SELECT %s::text, %s::text", [text, text[::2]]).fetchone()
    assert row == (text, text[::2])
    numbers = connection.execute("SELECT generate_series(1, 100000)").fetchall()
    assert len(numbers) == 100_000
    assert proxy.roundtrips == 2


def test_who_reads_slowly_holds_the_server_back(proxy: WireProxy, database_url: str):
    """The proxy buffers a few chunks, not a whole result."""
    with (
        psycopg.connect(proxy.url(database_url), autocommit=True) as connection,
        psycopg.connect(database_url, autocommit=True) as observer,
    ):
        statement = "SELECT repeat('x', 10000) FROM generate_series(1, 10000)"
        rows = connection.cursor().stream(statement)
        next(rows)
        waits_for = "SELECT wait_event FROM pg_stat_activity WHERE pid = %s"
        parameters = [connection.info.backend_pid]
        until(lambda: observer.execute(waits_for, parameters).fetchone() == ("ClientWrite",))
        assert sum(1 for _ in rows) == 9_999


@pytest.mark.parametrize("delay", [0.005, 0.04])
def test_a_roundtrip_takes_the_delay(database_url: str, delay: float):
    with (
        WireProxy.before(database_url, delay=delay) as proxy,
        psycopg.connect(proxy.url(database_url), autocommit=True) as connection,
    ):
        times = [seconds(lambda: connection.execute("SELECT 1")) for _ in range(20)]
        assert min(times) >= delay
        assert min(times) < delay + 0.01


def test_delays_run_at_the_same_time(database_url: str):
    """Five connections and a result of many chunks are delayed once, not once for each."""
    with WireProxy.before(database_url, delay=0.2) as proxy, ExitStack() as connections:
        url = proxy.url(database_url)
        threads = []
        for _ in range(5):
            connection = connections.enter_context(psycopg.connect(url, autocommit=True))
            statement = "SELECT repeat('x', 1000) FROM generate_series(1, 1000)"
            threads.append(threading.Thread(target=connection.execute, args=[statement]))

        def run() -> None:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        assert 0.2 <= seconds(run) < 5 * 0.2


def test_cut_all_closes_what_is_open_and_takes_new_connections(
    proxy: WireProxy, connection: Connection, database_url: str
):
    proxy.cut_all()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    with psycopg.connect(proxy.url(database_url)) as another:
        assert another.execute("SELECT 1").fetchone() == (1,)


def test_an_answer_can_be_lost(proxy: WireProxy, connection: Connection, database_url: str):
    connection.execute("CREATE TABLE answer_lost (number int)")
    proxy.cut(after_bytes=0, sender="server")
    with pytest.raises(psycopg.OperationalError):
        connection.execute("INSERT INTO answer_lost VALUES (1)")
    with psycopg.connect(proxy.url(database_url)) as another:
        assert another.execute("SELECT count(*) FROM answer_lost").fetchone() == (1,)


def test_a_request_can_be_lost(proxy: WireProxy, connection: Connection, database_url: str):
    connection.execute("CREATE TABLE request_lost (number int)")
    proxy.cut(after_bytes=0, sender="client")
    with pytest.raises(psycopg.OperationalError):
        connection.execute("INSERT INTO request_lost VALUES (1)")
    with psycopg.connect(proxy.url(database_url)) as another:
        assert another.execute("SELECT count(*) FROM request_lost").fetchone() == (0,)


def test_an_answer_can_be_cut_in_the_middle(proxy: WireProxy, connection: Connection):
    proxy.cut(after_bytes=100_000)
    rows = connection.cursor().stream("SELECT repeat('x', 1000) FROM generate_series(1, 1000)")
    received = []
    with pytest.raises(psycopg.OperationalError):
        received.extend(rows)
    assert proxy.roundtrips == 0


def test_frozen_until_thawed(proxy: WireProxy, connection: Connection):
    proxy.freeze()
    answers: list[object] = []
    thread = threading.Thread(
        target=lambda: answers.append(connection.execute("SELECT 1").fetchone())
    )
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    proxy.thaw()
    thread.join(5)
    assert answers == [(1,)]


def test_a_frozen_proxy_is_connected_to_but_does_not_answer(proxy: WireProxy, database_url: str):
    proxy.freeze()
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        psycopg.connect(proxy.url(database_url), connect_timeout=2)


def test_a_server_that_is_away_closes_the_connection():
    with (
        WireProxy("127.0.0.1", 1) as proxy,
        pytest.raises(psycopg.OperationalError, match=r"closed the connection|reset"),
    ):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{proxy.port}/postgres")


def test_nothing_is_left_behind(database_url: str):
    threads = threading.active_count()
    with WireProxy.before(database_url) as proxy:
        connection = psycopg.connect(proxy.url(database_url), autocommit=True)
        connection.execute("SELECT 1")
    assert threading.active_count() == threads
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(proxy.url(database_url))
