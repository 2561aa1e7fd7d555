"""Short versions of the service faults of ``make faults``, and slow clients."""

import http.client
import json
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler
from secrets import token_hex
from typing import Any

import psutil
import psycopg
import pytest

from dreamlake_assets import deadlines
from dreamlake_assets.places import PATIENCE_SECONDS
from dreamlake_assets.serving import worker
from dreamlake_assets.serving.headers import PROTECTION
from tests.bench import servers
from tests.faults import (
    batch_faults,
    bss_faults,
    change_faults,
    database_faults,
    service_faults,
)
from tests.faults.offer import offer
from tests.faults.outcome import Outcome
from tests.faults.stage import Service, running_database, running_service
from tests.support.http import HttpServer, answer
from tests.support.waiting import until

ORIGIN = "https://app.example.org"


def test_worker_killed() -> None:
    assert service_faults.worker_killed(2).broken == []


def test_reloaded() -> None:
    assert service_faults.reloaded(2).broken == []


def test_stopped() -> None:
    assert service_faults.stopped(1).broken == []


def test_batches_that_overlap() -> None:
    assert batch_faults.overlapping_batches(1, 3.0).broken == []


def test_one_key_sent_a_hundred_times_at_once() -> None:
    assert service_faults.sent_at_once(2).broken == []


def test_changes_at_random() -> None:
    assert change_faults.at_random(1, 3.0).broken == []


@pytest.mark.parametrize(
    "run",
    [
        lambda: bss_faults.bss(1, 1.0, ("to-itself",)),
        lambda: bss_faults.hanging(1, 2.0),
        lambda: bss_faults.slow(1),
    ],
    ids=["redirects to itself", "hangs", "is slow"],
)
def test_bss_that_fails(run: Callable[[], Outcome]) -> None:
    """Rates and times are not checked: this machine is busy, and ``make faults`` measures them."""
    measured = ("throughput", "in 0.5 s", "at once")
    broken = run().broken
    assert [promise for promise in broken if not any(each in promise for each in measured)] == []


def test_many_clients_download_from_a_quick_bss_without_a_503() -> None:
    with (
        running_database() as database,
        servers.bss(0.05) as bss,
        running_service(database.url, bss_url=bss.url, WEB_CONCURRENCY="2") as service,
    ):
        registered = offer(service.port, service.requests(), connections=1, seconds=0.1)
        assert set(registered.statuses) == {"201"}
        for connections in (16, 64):
            downloads = service.downloads("/camera/front/0.mp4")
            load = offer(service.port, downloads, connections=connections, seconds=2)
            assert set(load.statuses) == {"200"}
            assert load.statuses.total() >= connections


def test_a_quick_bss_that_begins_to_hang_holds_up_nobody_else() -> None:
    """Ten downloads hang, although the worker serves two requests at a time."""
    over = threading.Event()
    with (
        running_database() as database,
        HttpServer(answer(302, {"Location": "https://s3.example/key"})) as bss,
        running_service(
            database.url,
            bss_url=bss.url,
            WEB_CONCURRENCY="1",
            DREAMLAKE_THREADS="2",
            DREAMLAKE_BSS_TIMEOUT="30",
        ) as service,
        ThreadPoolExecutor(10) as executor,
    ):
        offer(service.port, service.requests(), connections=1, seconds=0.1)
        downloads = service.downloads("/camera/front/0.mp4")
        assert set(offer(service.port, downloads, connections=1, seconds=1).statuses) == {"200"}

        def hang(handler: BaseHTTPRequestHandler) -> None:
            over.wait(60)
            handler.close_connection = True

        bss.answer, received = hang, len(bss.received)
        path = service.download_path("/camera/front/0.mp4")
        hanging = [executor.submit(service.ask, path) for _ in range(10)]
        try:
            until(lambda: len(bss.received) - received == 10)
            seconds = 1.5 * PATIENCE_SECONDS
            load = offer(service.port, service.requests(), connections=4, seconds=seconds)
            assert set(load.statuses) == {"201"}
            # All of them are late by now, so BSS is not asked again.
            refused = service.ask(path)
            assert (refused.status, refused.code) == (503, "overloaded")
            assert refused.seconds < 10
            assert len(bss.received) - received == 10
            assert not any(each.done() for each in hanging)
        finally:
            over.set()


def test_what_is_too_much_is_turned_away_at_once() -> None:
    """One thread is blocked, and its queue is full."""
    may_wait = 1 + worker.QUEUE_LENGTH
    with (
        running_database() as database,
        running_service(
            database.url,
            WEB_CONCURRENCY="1",
            DREAMLAKE_THREADS="1",
            DREAMLAKE_CORS_ORIGINS=ORIGIN,
        ) as service,
    ):
        requests = service.requests()
        asking = [Asking(service, next(requests)) for _ in range(may_wait + 5)]
        with psycopg.connect(database.url) as connection:
            connection.execute("LOCK TABLE asset")
            for each in asking:
                each.send()
            until(lambda: sum(each.is_answered() for each in asking) >= 5, 5)
            refused = [each for each in asking if each.is_answered()]
            with socket.create_connection(("127.0.0.1", service.port)) as slow:
                slow.sendall(b"GET /livez HT")
                assert service.ask("/livez").status == 200
                # The end of a request that the worker has refused.
                assert slow.recv(4096).startswith(b"HTTP/1.1 503 ")
        assert len(refused) == 5
        for each in refused:
            status, headers, body = each.answer()
            assert status == 503
            assert headers["Retry-After"].isdecimal()
            assert headers["X-Request-Id"] == each.request_id
            assert headers["Access-Control-Allow-Origin"] == ORIGIN
            assert headers["Vary"] == "Origin"
            assert dict(PROTECTION).items() <= headers.items()
            assert body == {
                "error": "The service is at capacity; try again soon.",
                "code": "overloaded",
                "requestId": each.request_id,
            }
        others = [each for each in asking if each not in refused]
        assert {each.answer()[0] for each in others} == {201}
        for each in asking:
            # The connections accept another request.
            each.send()
            assert each.answer()[0] == 201
            each.connection.close()


def test_what_is_turned_away_has_a_body_only_where_one_is_expected() -> None:
    with (
        running_database() as database,
        running_service(database.url, WEB_CONCURRENCY="1", DREAMLAKE_THREADS="1") as service,
        ExitStack() as stack,
    ):
        # Wait until the readiness checks have closed their connections.
        until(lambda: not any(service.connections()), 10)
        asking = socket.create_connection(("127.0.0.1", service.port), timeout=60)
        stack.enter_context(asking)
        for _ in range(1 + worker.QUEUE_LENGTH):
            other = socket.create_connection(("127.0.0.1", service.port))
            stack.enter_context(other).sendall(b"GET /readyz HT")
        # All are accepted: the next request is the first that is refused.
        until(lambda: sum(service.connections()) == 2 + worker.QUEUE_LENGTH, 10)
        for method in ("HEAD", "GET", "HEAD"):
            asking.sendall(f"{method} /readyz HTTP/1.1\r\nHost: service\r\n\r\n".encode())
            received = asking.recv(4096)
            while select.select([asking], [], [], 0.2)[0]:
                received += asking.recv(4096)
            head, _, body = received.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nConnection: keep-alive" in head
            assert bool(body) == (method == "GET")


@pytest.mark.parametrize(
    ("number", "are_over"),
    [
        (signal.SIGKILL, all),
        (signal.SIGTTOU, any),
    ],
    ids=["the first process is killed", "there are too many"],
)
def test_workers_that_stop_do_not_wait_for_idle_connections(
    number: int, are_over: Callable[[Iterable[bool]], bool]
) -> None:
    """Each would wait for half a minute, during which nothing accepts new connections."""
    with (
        running_database() as database,
        running_service(database.url) as service,
        ExitStack() as stack,
    ):
        for _ in range(16):
            connection = http.client.HTTPConnection("127.0.0.1", service.port)
            stack.callback(connection.close)
            connection.request("GET", "/livez")
            connection.getresponse().read()
            time.sleep(0.01)
        assert min(service.connections()) > 0
        before = service.workers()
        service.process.send_signal(number)
        until(lambda: are_over(service_faults.is_over(each) for each in before), 10)


def test_workers_stop_that_are_told_so_as_they_are_born() -> None:
    with running_database() as database, running_service(database.url) as service:
        worker = service.workers()[0]
        for _ in range(10):
            known = set(psutil.pids())
            worker.terminate()
            worker = born(service.process.pid, known)
        worker.terminate()
        until(lambda: service_faults.is_over(worker), 10)
        assert service.ask("/livez").status == 200


def born(parent: int, known: set[int]) -> psutil.Process:
    """Return the next child of a process, within a fraction of a millisecond."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for pid in set(psutil.pids()) - known:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if process.ppid() == parent:
                    return process
    pytest.fail("the worker was not replaced: it has not ended")


class Asking:
    """A client with one request."""

    def __init__(self, service: Service, request: bytes):
        self.request_id = token_hex(8)
        head = f"\r\nX-Request-Id: {self.request_id}\r\nOrigin: {ORIGIN}\r\n".encode()
        self.request = request.replace(b"\r\n", head, 1)
        self.connection = socket.create_connection(("127.0.0.1", service.port), timeout=60)

    def send(self) -> None:
        self.connection.sendall(self.request)

    def is_answered(self) -> bool:
        return bool(select.select([self.connection], [], [], 0)[0])

    def answer(self) -> tuple[int, dict[str, str], Any]:
        answer = http.client.HTTPResponse(self.connection)
        answer.begin()
        with answer:
            return answer.status, dict(answer.headers), json.loads(answer.read())


def test_frozen_database() -> None:
    assert database_faults.frozen(1, deadlines.DATABASE + 2).broken == []


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with running_database() as database, running_service(database.url) as service:
        yield service


@pytest.fixture
def open_connections(service: Service) -> Iterator[list[socket.socket]]:
    """Open more connections than the service has threads."""
    connections = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(64)]
    yield connections
    for connection in connections:
        connection.close()


def test_every_worker_gets_its_share_of_the_connections(service: Service) -> None:
    """Clients reuse connections: a worker without any would leave its core idle."""
    for _ in range(3):
        with ExitStack() as stack:
            for _ in range(64):
                stack.enter_context(socket.create_connection(("127.0.0.1", service.port)))
                # Clients connect one by one; two at once go to two workers anyway.
                time.sleep(0.01)
            until(lambda: sum(service.connections()) == 64, 10)
            assert min(service.connections()) >= 16, service.connections()
        until(lambda: not any(service.connections()), 10)


def answers_at_once(service: Service) -> bool:
    replies = [service.ask("/livez") for _ in range(5)]
    replies += [service.ask("/readyz") for _ in range(5)]
    return all(reply.status == 200 and reply.seconds < 2 for reply in replies)


@pytest.mark.usefixtures("open_connections")
def test_connections_on_which_nothing_comes_hold_no_thread(service: Service) -> None:
    assert answers_at_once(service)


def test_requests_that_never_end_are_given_up(
    service: Service, open_connections: list[socket.socket]
) -> None:
    drops = open_connections.pop()
    drops.sendall(b"GET /readyz HTTP/1.1\r\nX-Drops: ")
    begun = time.monotonic()
    body = b"POST /assets/video HTTP/1.1\r\nContent-Length: 99\r\n\r\n{"
    for connection in open_connections[:24]:
        connection.sendall(b"GET /readyz HT")
    for connection in open_connections[24:48]:
        connection.sendall(body)
    for connection in open_connections[48:]:
        connection.sendall(b"GET /livez HT")
    assert service.ask("/livez").seconds < 2

    until(lambda: not takes_another(drops), 3 * deadlines.RECEIVE_ALL)

    drops.close()
    assert deadlines.RECEIVE_ALL - 1 < time.monotonic() - begun < 2 * deadlines.RECEIVE_ALL
    for connection in open_connections[:48]:
        connection.settimeout(3 * deadlines.RECEIVE_ALL)
        while connection.recv(4096):
            pass
    assert time.monotonic() - begun < 3 * deadlines.RECEIVE_ALL
    until(lambda: answers_at_once(service), 10)


def takes_another(connection: socket.socket) -> bool:
    """Send one more byte of a request; return whether the other end is still open."""
    connection.settimeout(0.2)
    try:
        connection.sendall(b"x")
        return connection.recv(4096) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def test_a_client_that_does_not_close_its_end_keeps_nobody_waiting(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: it\r\nConnection: close\r\n\r\n")
        while b"ok" not in connection.recv(4096):
            pass
        # gunicorn's own worker would wait for two seconds here.
        assert service.ask("/livez").seconds < 1


def test_a_connection_serves_many_requests(service: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port)
    ports = set()
    for _ in range(20):
        connection.request("GET", "/livez")
        assert json.loads(connection.getresponse().read()) == {"status": "ok"}
        assert connection.sock is not None
        ports.add(connection.sock.getsockname())
    connection.close()
    assert len(ports) == 1
