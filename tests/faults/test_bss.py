"""A BSS that fails, hangs and drips, and its effect on clients."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler

import pytest

from dreamlake_assets import bss as service
from dreamlake_assets import transport
from dreamlake_assets.bss import Bss
from dreamlake_assets.errors import BssError, BssFailing, BssTimeout, BssUnreachable
from dreamlake_assets.local.processes import free_port
from tests.support.http import HttpServer, answer
from tests.support.waiting import until

LOCATION = "https://s3.example/bucket/key"
REDIRECT = answer(302, {"Location": LOCATION})
TIMEOUT_SECONDS = 0.5


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with HttpServer(REDIRECT) as server:
        yield server


@pytest.fixture
def over() -> Iterator[threading.Event]:
    """An event that is set at the end of a test, so that no response outlives the test."""
    over = threading.Event()
    yield over
    over.set()


def asking(url: str) -> Callable[[], str]:
    bss = Bss(url, token=None, timeout=TIMEOUT_SECONDS, concurrency=4)
    return lambda: bss.presigned_url("videos", "a")


def connections(server: HttpServer) -> list[int]:
    """Make a server respond with redirects, and record the client port of each request."""
    ports: list[int] = []
    redirect = server.answer

    def note(handler: BaseHTTPRequestHandler) -> None:
        ports.append(handler.client_address[1])
        redirect(handler)

    server.answer = note
    return ports


@pytest.mark.parametrize("status", [200, 302, 404, 500])
def test_a_connection_is_used_again_where_no_url_was_given(server: HttpServer, status: int) -> None:
    server.answer = answer(status, {"Set-Cookie": "of=another"}, b"No.")
    ports = connections(server)
    ask = asking(server.url)
    for _ in range(3):
        with pytest.raises(BssError):
            ask()
    assert len(set(ports)) == 1
    assert not any("Cookie" in request.headers for request in server.received)


@pytest.mark.parametrize("size", [0, 1, service.SMALL_BODY])
def test_a_connection_is_used_again_where_the_body_is_small(server: HttpServer, size: int) -> None:
    server.answer = answer(302, {"Location": LOCATION}, bytes(size))
    ports = connections(server)
    ask = asking(server.url)
    assert [ask() for _ in range(3)] == [LOCATION] * 3
    assert len(set(ports)) == 1


def test_a_large_body_is_not_waited_for(server: HttpServer, over: threading.Event) -> None:
    def promise(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", LOCATION)
        handler.send_header("Content-Length", str(service.SMALL_BODY + 1))
        handler.end_headers()
        over.wait(10)

    server.answer = promise
    begun = time.monotonic()
    assert asking(server.url)() == LOCATION
    assert time.monotonic() - begun < TIMEOUT_SECONDS


def test_a_connection_that_was_closed_while_it_was_idle_is_no_failure(server: HttpServer) -> None:
    def close_after(handler: BaseHTTPRequestHandler) -> None:
        REDIRECT(handler)
        handler.close_connection = True

    server.answer = close_after
    ask = asking(server.url)
    assert [ask() for _ in range(20)] == [LOCATION] * 20


def test_a_connection_that_breaks_under_a_request_is_replaced_once(server: HttpServer) -> None:
    def hang_up_once(handler: BaseHTTPRequestHandler) -> None:
        server.answer = REDIRECT
        handler.connection.shutdown(socket.SHUT_RDWR)

    ask = asking(server.url)
    ask()
    server.answer = hang_up_once
    assert ask() == LOCATION
    assert len(server.received) == 3


def test_a_second_attempt_has_the_rest_of_the_time(
    server: HttpServer, over: threading.Event
) -> None:
    timeout = 2.0
    bss = Bss(server.url, token=None, timeout=timeout, concurrency=1)

    def hang(_: BaseHTTPRequestHandler) -> None:
        over.wait(10)

    def hang_up_late(handler: BaseHTTPRequestHandler) -> None:
        server.answer = hang
        over.wait(0.9 * timeout)
        handler.connection.shutdown(socket.SHUT_RDWR)

    server.answer = hang_up_late
    begun = time.monotonic()
    with pytest.raises(BssTimeout):
        bss.presigned_url("videos", "a")
    assert timeout <= time.monotonic() - begun < 1.8 * timeout
    assert len(server.received) == 2


@pytest.mark.parametrize("of", ["status line", "headers", "body"])
def test_a_server_that_drips_is_given_its_time_and_no_more(
    server: HttpServer, over: threading.Event, of: str
) -> None:
    """Each byte arrives well within the socket timeout."""

    def drip(handler: BaseHTTPRequestHandler) -> None:
        start = {
            "status line": b"HTTP/1.1 302 ",
            "headers": b"HTTP/1.1 302 Found\r\nX-Drop: ",
            "body": b"HTTP/1.1 302 Found\r\nContent-Length: 999\r\nLocation: %s\r\n\r\n"
            % LOCATION.encode(),
        }
        handler.wfile.write(start[of])
        handler.close_connection = True
        try:
            while not over.wait(TIMEOUT_SECONDS / 10):
                handler.wfile.write(b"x")
        except OSError:
            return

    server.answer = drip
    begun = time.monotonic()
    if of == "body":
        assert asking(server.url)() == LOCATION
    else:
        with pytest.raises(BssTimeout):
            asking(server.url)()
    assert TIMEOUT_SECONDS <= time.monotonic() - begun < 4 * TIMEOUT_SECONDS


def test_a_bss_that_keeps_failing_is_left_alone_and_then_tried_again(server: HttpServer) -> None:
    server.answer = answer(500)
    ask = asking(server.url)
    for _ in range(2 * service.FAILURES):
        with pytest.raises(BssFailing):
            ask()
    assert len(server.received) == service.FAILURES
    server.answer = REDIRECT
    until(lambda: succeeds(ask), 10 * service.REST_SECONDS)
    assert [ask() for _ in range(3)] == [LOCATION] * 3


def test_a_bss_that_still_fails_is_asked_once_in_a_while(server: HttpServer) -> None:
    server.answer = answer(503)
    ask = asking(server.url)
    until(lambda: not succeeds(ask) and len(server.received) > service.FAILURES, 20)
    for _ in range(5):
        assert not succeeds(ask)
    assert len(server.received) == service.FAILURES + 1


def test_its_addresses_share_the_time_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as stack:
        addresses = []
        port = 0
        for number in range(2, 8):
            listener = stack.enter_context(socket.socket())
            listener.bind((f"127.0.0.{number}", port))
            listener.listen(0)
            port = listener.getsockname()[1]
            addresses.append(listener.getsockname())
            for _ in range(3):
                # These fill the backlog; the listener then ignores new connections.
                other = stack.enter_context(socket.socket())
                other.setblocking(False)
                other.connect_ex(addresses[-1])
        resolve_to(addresses, monkeypatch)
        begun = time.monotonic()
        with pytest.raises(BssTimeout):
            asking(f"http://bss.example:{port}")()
        assert TIMEOUT_SECONDS <= time.monotonic() - begun < 3 * TIMEOUT_SECONDS


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 64, "a..b"])
def test_a_host_without_an_address_cannot_be_reached(host: str) -> None:
    with pytest.raises(BssUnreachable):
        asking(f"http://{host}:1")()


def test_the_next_address_is_tried(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to([(f"127.0.0.{number}", server.port) for number in (3, 2, 1)], monkeypatch)
    assert asking(f"http://bss.example:{server.port}")() == LOCATION


def test_one_that_cannot_be_reached_answers_as_before_while_it_is_left_alone() -> None:
    ask = asking(f"http://127.0.0.1:{free_port()}")
    for _ in range(2 * service.FAILURES):
        with pytest.raises(BssUnreachable):
            ask()


@pytest.mark.parametrize("status", [200, 404])
def test_what_is_wrong_with_one_asset_does_not_count(server: HttpServer, status: int) -> None:
    server.answer = answer(status)
    ask = asking(server.url)
    for _ in range(2 * service.FAILURES):
        assert not succeeds(ask)
    server.answer = REDIRECT
    assert ask() == LOCATION


def resolve_to(addresses: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve every name to these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", each) for each in addresses]
    monkeypatch.setattr(transport, "getaddrinfo", lambda *_, **__: found)


def succeeds(ask: Callable[[], str]) -> bool:
    try:
        return ask() == LOCATION
    except service.errors.BssError:
        return False
