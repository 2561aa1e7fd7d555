"""Oversized and malformed HTTP, sent directly to gunicorn."""

import contextlib
import json
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import psutil
import psycopg
import pytest

from dreamlake_assets import auth, deadlines
from dreamlake_assets.config import TokenSettings
from dreamlake_assets.errors import UrlTooLong
from dreamlake_assets.local.processes import free_port
from tests.bench.servers import SECRET, gunicorn
from tests.conftest import NAMESPACE, WRITER, add_namespace
from tests.support.api import PROJECT
from tests.support.gunicorn import configuration, worker_in_a_thread
from tests.support.postgres import Server
from tests.support.waiting import until

#: Timeout far above the duration of every test, unless something hangs.
PATIENCE_SECONDS = 45

AUTHORIZATION = f"Authorization: Bearer {auth.sign(TokenSettings(secret=SECRET), WRITER, 3600)}"
BODY = json.dumps({"namespace": NAMESPACE, "project": PROJECT}).encode()
PLACE = f"namespace={NAMESPACE}&project=not-there"
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def port(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    log = tmp_path_factory.mktemp("gunicorn") / "gunicorn.log"
    bss_url = f"http://127.0.0.1:{free_port()}"
    with server.database(template=template) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            add_namespace(connection)
        with gunicorn("wsgi:app", url, bss_url, Path(log)) as service:
            yield service.port


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection:
        yield connection


def head(method: str, target: str, *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def post(*headers: str, body: bytes = BODY) -> bytes:
    own = (AUTHORIZATION, "Content-Type: application/json", *headers)
    return head("POST", "/assets/video", *own) + body


def answer(connection: socket.socket) -> bytes:
    """Read the response, up to its end or that of the connection; empty without a response."""
    received = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            received += part
            before, found, body = received.partition(b"\r\n\r\n")
            length = before.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            if found and len(body) >= int(length or 0):
                break
    return received


def status(received: bytes) -> int | None:
    return int(received.split(b" ")[1]) if received.startswith(b"HTTP/1.1 ") else None


def asked(port: int, request: bytes) -> bytes:
    with connected(port) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        return answer(connection)


def length(body: bytes) -> str:
    return f"Content-Length: {len(body)}"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (head("GET", "/assets/video?glob=" + "x" * 9_000, AUTHORIZATION), {414}),
        (head("GET", f"/assets/video?{PLACE}&prefix=/caf\xe9", AUTHORIZATION), {400}),
        (head("GET", f"/assets/video?{PLACE}&caf\xe9=x", AUTHORIZATION), {400}),
        (head("GET", f"/assets/vid\xe9o?{PLACE}", AUTHORIZATION), {404}),
        (head("GET", f"/assets/video?{PLACE}&prefix=/caf\xc3\xa9", AUTHORIZATION), {404}),
        (head("GET", "/livez", f"X: {'x' * 20_000}"), {431}),
        (head("GET", "/livez", *(f"X-{number}: x" for number in range(200))), {431}),
        (head("GET", "/livez", "X: a\0b"), {400}),
        (head("GET", "/livez", "X y: z"), {400}),
        (head("GET", "/livez", "X: a", " folded"), {400}),
        (head("GET", "/li vez"), {400}),
        (head("G\x01T", "/livez"), {400}),
        (b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n", {400, 505}),
        (b"GET /livez\r\n\r\n", {400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 200 + b"\r\n\r\n", {400}),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
        (post("Content-Length: -1"), {400}),
        (post("Content-Length: +5"), {400}),
        (post("Content-Length: 1e3"), {400}),
        (post("Content-Length: 5", "Content-Length: 6"), {400}),
        (post("Content-Length: 5", "Transfer-Encoding: chunked"), {400}),
        (post("Transfer-Encoding: chunked, identity"), {400, 501}),
        (post("Transfer-Encoding: \x0bchunked"), {400, 501}),
        (post("Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n0\r\n\r\n"), {400}),
        (post("Transfer-Encoding: chunked", body=b"-1\r\n{}\r\n0\r\n\r\n"), {400}),
        (post(length(b" " * (1 << 21)), body=b" " * (1 << 21)), {413}),
        (post("Content-Length: 99999999999999999999"), {400, 413}),
    ],
)
def test_what_is_no_request_is_refused(port: int, request_: bytes, expected: set[int]) -> None:
    received = asked(port, request_)

    assert status(received) in expected, received
    assert b"Traceback" not in received
    body = json.loads(received.partition(b"\r\n\r\n")[2])
    assert body.keys() >= {"error", "code", "requestId"}
    assert status(asked(port, LIVEZ)) == 200


@pytest.mark.parametrize(
    ("request_", "code", "sentence"),
    [
        (head("GET", "/" + "x" * 8_190), "url_too_long", UrlTooLong.sentence()),
        (
            head("GET", "/livez", f"X: {'x' * 20_000}"),
            "invalid_request",
            "A header has more than 16,380 bytes, or there are too many.",
        ),
        (post("Expect: x", length(BODY)), "invalid_request", "This Expect is not supported."),
        (head("G\x01T", "/livez"), "invalid_request", "This is not a valid HTTP request."),
    ],
)
def test_the_reason_is_said(port: int, request_: bytes, code: str, sentence: str) -> None:
    body = json.loads(asked(port, request_).partition(b"\r\n\r\n")[2])

    assert (body["code"], body["error"]) == (code, sentence)


def test_a_chunked_body_is_read(port: int) -> None:
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"

    assert status(asked(port, post("Transfer-Encoding: chunked", body=chunks))) == 201


def test_a_chunked_body_has_an_end(port: int) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    rest = b"%x\r\n" % len(BODY) + BODY + b"\r\n"
    chunked = "Transfer-Encoding: chunked"

    assert status(asked(port, post(chunked, body=chunk * 15 + rest + b"0\r\n\r\n"))) == 201
    assert status(asked(port, post(chunked, body=rest + chunk * 16 + b"0\r\n\r\n"))) == 413


def test_a_body_that_broke_off_is_not_taken_for_a_whole_one(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(post(f"Content-Length: {len(BODY) + 1}"))
        connection.shutdown(socket.SHUT_WR)
        received = answer(connection)

    assert status(received) == 400
    assert b"The body is incomplete." in received


@pytest.mark.parametrize(
    ("target", "expected"), [("/assets/video", 401), ("/auth/me", 405), ("/nowhere", 404)]
)
@pytest.mark.parametrize("size", [20_000, 200_000])
def test_the_request_after_one_that_was_refused_is_answered(
    port: int, target: str, expected: int, size: int
) -> None:
    """gunicorn must not discard bytes after a body that may belong to the next request."""
    request = head("POST", target, "Content-Type: application/json", f"Content-Length: {size}")
    with connected(port) as connection:
        connection.sendall(request + b" " * (size // 2))
        early, _, _ = select.select([connection], [], [], 0.3)
        connection.sendall(b" " * (size - size // 2) + LIVEZ * bool(early))
        assert status(answer(connection)) == expected
        connection.sendall(LIVEZ * (not early))
        assert status(answer(connection)) == 200


@pytest.mark.parametrize(("size", "connection"), [(1 << 20, b"keep-alive"), (1 << 21, b"close")])
def test_whoever_sends_too_much_is_told_that_the_connection_ends(
    port: int, size: int, connection: bytes
) -> None:
    body = b" " * size

    received = asked(port, post(length(body), body=body))

    assert status(received) in (400, 413)
    assert b"\r\nConnection: " + connection + b"\r\n" in received


def test_a_response_is_not_undone_by_the_rest_of_its_request(port: int) -> None:
    """Closing a socket with unread data resets the connection."""
    received = b""
    with connected(port) as client:
        client.sendall(post(f"Content-Length: {2**21}", body=bytes(2**18)))
        while part := client.recv(65_536):
            received += part
        client.sendall(bytes(2**10))
    assert status(received) == 413


def test_a_request_that_waits_too_long_for_a_thread_is_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deadlines, "QUEUE", 0.2)
    threads = configuration().threads
    served: list[str] = []
    over = threading.Event()

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        served.append(environ["PATH_INFO"])
        over.wait(PATIENCE_SECONDS)
        start_response("200 OK", [("Content-Length", "0")])
        return []

    with worker_in_a_thread(application) as port, contextlib.ExitStack() as stack:
        for _ in range(threads):
            stack.enter_context(connected(port)).sendall(head("GET", "/"))
        until(lambda: len(served) == threads)
        last = stack.enter_context(connected(port))
        last.sendall(head("GET", "/too-late"))
        assert not select.select([last], [], [], 2 * deadlines.QUEUE)[0]

        over.set()

        assert status(answer(last)) == 503
    assert "/too-late" not in served


def test_a_client_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "SEND", 1)
    given_up = threading.Event()

    def body() -> Iterator[bytes]:
        try:
            for _ in range(64):
                yield bytes(2**20)
        finally:
            given_up.set()

    def application(_: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body()

    with worker_in_a_thread(application) as port, connected(port) as client:
        client.sendall(LIVEZ)
        assert given_up.wait(PATIENCE_SECONDS)


def test_a_worker_without_a_free_file_descriptor_lives_on(
    server: Server, template: str, tmp_path: Path
) -> None:
    log = tmp_path / "gunicorn.log"
    with (
        server.database(template=template) as url,
        gunicorn(
            "wsgi:app",
            url,
            "http://127.0.0.1:9",
            log,
            WEB_CONCURRENCY="1",
            DREAMLAKE_THREADS="1",
        ) as service,
        contextlib.ExitStack() as stack,
    ):
        [worker] = service.workers()
        _, hard = worker.rlimit(psutil.RLIMIT_NOFILE)
        worker.rlimit(psutil.RLIMIT_NOFILE, (worker.num_fds() + 10, hard))
        clients = [stack.enter_context(connected(service.port)) for _ in range(30)]
        until(lambda: _shortages(log) > 0)

        for client in clients:
            client.sendall(LIVEZ)
            assert status(answer(client)) == 200
            client.close()
        assert service.workers() == [worker]

        # Without any free descriptor, the worker retries once a second rather than continuously.
        said = _shortages(log)
        # The limit is one above the highest descriptor number, not the number of descriptors.
        worker.rlimit(psutil.RLIMIT_NOFILE, (3, hard))
        waiting = [stack.enter_context(connected(service.port)) for _ in range(8)]
        assert until(lambda: _shortages(log) >= said + 3) >= 1

        worker.rlimit(psutil.RLIMIT_NOFILE, (hard, hard))
        for client in waiting:
            client.sendall(LIVEZ)
        for client in waiting:
            assert status(answer(client)) == 200
        assert service.workers() == [worker]


def _shortages(log: Path) -> int:
    """Count the log entries that report a lack of file descriptors."""
    return log.read_text().count("no file descriptor is left")
