"""The behaviour of deploy/nginx.conf itself; tests/api checks the contract through it."""

import http.client
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from dreamlake_assets import errors, limits
from dreamlake_assets.local.processes import free_port
from dreamlake_assets.serving import headers
from tests.support.gunicorn import worker_in_a_thread
from tests.support.http import HttpServer
from tests.support.nginx import Nginx, running_nginx
from tests.support.waiting import until

MEBIBYTE = 1024 * 1024
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ0ZXN0LTAwMSJ9"
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}.the-signature-of-this-token"}

Start = Callable[..., Nginx]


class Service:
    """A WSGI application that records requests and returns the response set by a test."""

    def __init__(self) -> None:
        self.asked: list[WSGIEnvironment] = []
        self.bodies: list[bytes] = []
        self.headers: list[tuple[str, str]] = [("Content-Length", "2")]
        self.body: Callable[[], Iterable[bytes]] = lambda: [b"{}"]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.asked.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Type", "application/json"), *self.headers])
        return self.body()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts nginx in front of a port, with parts of its site replaced."""
    with ExitStack() as stack:
        yield lambda port, replaced=None: stack.enter_context(
            running_nginx(tmp_path, port, replaced)
        )


@pytest.fixture
def serve(service: Service, tmp_path: Path) -> Iterator[Start]:
    """A function that starts nginx in front of gunicorn, which serves ``service``."""
    # nginx stops first, because gunicorn waits for its connections.
    with worker_in_a_thread(service) as port, ExitStack() as stack:
        yield lambda replaced=None: stack.enter_context(running_nginx(tmp_path, port, replaced))


def send(
    nginx: Nginx, method: str = "GET", path: str = "/assets/video", **options: Any
) -> tuple[http.client.HTTPResponse, bytes]:
    """Send a request on a new connection; return the response and its body."""
    connection = nginx.connect()
    try:
        connection.request(method, path, **options)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def send_bytes(nginx: Nginx, request: bytes) -> tuple[http.client.HTTPResponse, bytes]:
    """Send bytes that need not be valid HTTP; return the response and its body."""
    connection = nginx.connect()
    try:
        connection.connect()
        connection.sock.sendall(request)
        response = http.client.HTTPResponse(connection.sock, method=request.split()[0].decode())
        response.begin()
        return response, response.read()
    finally:
        connection.close()


def refused(answer: tuple[http.client.HTTPResponse, bytes], error: type[errors.AssetsError]) -> Any:
    """Check an error response against the catalogue of errors; return its body."""
    response, text = answer
    assert response.headers["Content-Type"] == "application/json", text
    assert dict(headers.PROTECTION).items() <= dict(response.headers).items()
    body = json.loads(text)
    assert set(body) == {"error", "code", "requestId"}
    assert (response.status, body["code"]) == (error.status, error.code)
    assert re.fullmatch(r"[A-Z].{10,}\.", body["error"])
    assert body["requestId"] == response.headers["X-Request-Id"]
    assert (response.headers["Retry-After"] is None) == (error.status != 503)
    return body


class TestRefusals:
    @pytest.mark.parametrize(
        "request_bytes",
        [
            pytest.param(f"{line}\r\n\r\n".encode(), id=name)
            for name, line in {
                "nul": "GET /assets/%00 HTTP/1.1\r\nHost: a",
                "escape": "GET /assets/%zz HTTP/1.1\r\nHost: a",
                "version": "GET /livez HTTP/3.1\r\nHost: a",
                "no host": "GET /livez HTTP/1.1",
                "two hosts": "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b",
                "long header": f"GET /livez HTTP/1.1\r\nHost: a\r\nX: {'x' * 17_000}",
                "coding": "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip",
                "length": "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: x",
                "chunk": "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx",
            }.items()
        ],
    )
    def test_what_is_not_valid(self, serve: Start, service: Service, request_bytes: bytes) -> None:
        refused(send_bytes(serve(), request_bytes), errors.InvalidRequest)

        assert service.asked == []

    @pytest.mark.parametrize("length", [limits.TARGET + 1, 17_000])
    def test_a_long_url(self, serve: Start, service: Service, length: int) -> None:
        target = "/livez?".ljust(length, "x")

        answer = send_bytes(serve(), f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())

        assert refused(answer, errors.UrlTooLong)["error"] == errors.UrlTooLong.sentence()
        assert service.asked == []

    def test_the_longest_url_passes(self, serve: Start, service: Service) -> None:
        send(serve(), path="/livez?".ljust(limits.TARGET, "x"))

        assert len(service.asked) == 1

    @pytest.mark.parametrize(
        "path",
        [
            *("/metrics", "//metrics", "/%6detrics", "/x/../metrics?a"),
            *("/metrics/", "//metrics/", "/metrics%2f", "/metrics%2F?a", "/metrics;a"),
            *("/", "/auth", "/admin", "/assetsx", "//assets/video", "/livez/", "/static/x"),
        ],
    )
    def test_what_is_not_for_the_public_is_not_found(
        self, serve: Start, service: Service, path: str
    ) -> None:
        body = refused(send(serve(), path=path), errors.NotFound)

        assert body["error"] == errors.NotFound.sentence()
        assert service.asked == []

    @pytest.mark.parametrize("path", ["/_refused/overloaded", "/_refused/x"])
    def test_its_own_addresses_are_not_for_others(self, serve: Start, path: str) -> None:
        refused(send(serve(), path=path), errors.NotFound)

    def test_a_method_that_is_never_allowed(self, serve: Start) -> None:
        body = refused(send(serve(), "TRACE"), errors.MethodNotAllowed)

        assert body["error"] == errors.MethodNotAllowed.sentence()

    @pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
    def test_a_body_over_1_mib(self, serve: Start, service: Service, chunked: bool) -> None:
        body = [b"x" * 1024] * 1025
        headers = {} if chunked else {"Content-Length": str(1025 * 1024)}

        answer = send(serve(), "POST", body=iter(body), encode_chunked=chunked, headers=headers)

        assert refused(answer, errors.BodyTooLarge)["error"] == errors.BodyTooLarge.sentence()
        assert service.asked == []

    def test_a_body_of_1_mib_passes(self, serve: Start, service: Service) -> None:
        send(serve(), "POST", body=b"x" * MEBIBYTE)

        assert service.bodies == [b"x" * MEBIBYTE]

    def test_a_service_that_is_away(self, start: Start) -> None:
        body = refused(send(start(free_port())), errors.Unavailable)

        assert body["error"] == errors.Unavailable.sentence()

    def test_a_service_that_does_not_answer(self, serve: Start, service: Service) -> None:
        answered = threading.Event()
        service.body = lambda: iter([b"{}"] if answered.wait(30) else [])
        nginx = serve({"proxy_read_timeout 35s;": "proxy_read_timeout 200ms;"})

        answer = send(nginx)

        answered.set()
        refused(answer, errors.Unavailable)

    def test_without_tls(self, serve: Start, service: Service) -> None:
        nginx = serve()
        for port in (nginx.plain_port, nginx.port):
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("GET", "/livez", headers=AUTHORIZATION)
            response = connection.getresponse()
            assert response.status == 400
            assert response.headers["Server"] == "nginx"
            assert json.loads(response.read())["code"] == errors.InvalidRequest.code
            assert dict(headers.PROTECTION).items() <= dict(response.headers).items()
            connection.close()

        assert service.asked == []


# Python deprecates the constant of TLS 1.1, not the check that a server refuses it.
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
def test_old_versions_of_tls_are_refused(serve: Start) -> None:
    """With the minimum of OpenSSL lowered, nginx alone decides."""
    timeout = "    ssl_session_timeout"
    nginx = serve({timeout: f"    ssl_ciphers DEFAULT:@SECLEVEL=0;\n{timeout}"})

    def shake_hands(version: ssl.TLSVersion) -> None:
        context = ssl.create_default_context(cafile=str(nginx.certificate))
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", nginx.port)) as connection:
            context.wrap_socket(connection, server_hostname="127.0.0.1").close()

    shake_hands(ssl.TLSVersion.TLSv1_2)
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        shake_hands(ssl.TLSVersion.TLSv1_1)


class TestLimits:
    def test_requests_are_counted_by_token(self, serve: Start, service: Service) -> None:
        nginx = serve({"rate=200r/s": "rate=1r/m", "burst=400": "burst=2"})

        def statuses(authorization: str | None) -> list[int]:
            headers = {"Authorization": authorization} if authorization else {}
            return [send(nginx, headers=headers)[0].status for _ in range(4)]

        for authorization in (
            f"Bearer {TOKEN}.of-one",
            f"bearer  {TOKEN}.of-another",
            f"Bearer {TOKEN}.{'x' * 43}y",
            None,
        ):
            assert statuses(authorization) == [200, 200, 200, 503]
        # A missing or malformed token is counted by address; a signature, by its beginning.
        for authorization in ("Bearer of-one", "Basic of-one", f"Bearer {TOKEN}.{'x' * 43}z"):
            assert statuses(authorization) == [503] * 4
        refused(send(nginx), errors.Overloaded)
        assert len(service.asked) == 12
        # The health checks of a load balancer are not limited.
        assert {send(nginx, path=path)[0].status for path in ["/livez", "/readyz"] * 5} == {200}

    def test_unlimited_lists_are_counted_by_token(self, serve: Start, service: Service) -> None:
        finish = threading.Event()
        service.headers = []
        service.body = lambda: iter([b"[", b"]" if finish.wait(30) else b""])
        nginx = serve()
        lists = [
            threading.Thread(target=send, args=[nginx], kwargs={"headers": AUTHORIZATION})
            for _ in range(4)
        ]
        for thread in lists:
            thread.start()
        until(lambda: len(service.asked) == 4)

        refused(send(nginx, path="/assets?project=a", headers=AUTHORIZATION), errors.Overloaded)

        finish.set()
        for thread in lists:
            thread.join()
        assert send(nginx, headers=AUTHORIZATION)[0].status == 200

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/assets?limit=9"), ("GET", "/assets/lookup"), ("POST", "/assets/video")],
    )
    def test_nothing_else_is_counted_so(
        self, serve: Start, service: Service, method: str, path: str
    ) -> None:
        nginx = serve({"limit_conn dreamlake_streams 4;": "limit_conn dreamlake_streams 1;"})
        together = threading.Barrier(3)
        service.body = lambda: [b"{}"] if together.wait(30) >= 0 else []

        requests = [threading.Thread(target=send, args=[nginx, method, path]) for _ in range(2)]
        for thread in requests:
            thread.start()
        together.wait(30)

        for thread in requests:
            thread.join()
        assert len(service.asked) == 2

    def test_a_slow_body_is_awaited_by_nginx(self, serve: Start, service: Service) -> None:
        nginx = serve()
        connection = nginx.connect()
        connection.putrequest("POST", "/assets/video")
        connection.putheader("Content-Length", "4")
        connection.endheaders(b"{ ")
        # A later request overtakes it.
        send(nginx)
        assert service.bodies == [b""]

        connection.send(b" }")

        assert connection.getresponse().read() == b"{}"
        connection.close()
        assert service.bodies == [b"", b"{  }"]

    def test_a_head_that_does_not_come_is_given_up(self, serve: Start, service: Service) -> None:
        connection = serve({"client_header_timeout 10s;": "client_header_timeout 200ms;"}).connect()
        connection.connect()
        connection.send(b"GET /assets/video HTTP/1.1\r\nX-Slow: ")

        with pytest.raises(http.client.RemoteDisconnected):
            http.client.HTTPResponse(connection.sock).begin()

        connection.close()
        assert service.asked == []

    def test_a_body_that_does_not_come_is_given_up(self, serve: Start, service: Service) -> None:
        connection = serve({"client_body_timeout 10s;": "client_body_timeout 200ms;"}).connect()
        connection.putrequest("POST", "/assets/video")
        connection.putheader("Content-Length", "4")
        connection.endheaders(b"{ ")

        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()

        connection.close()
        assert service.asked == []


class TestHeaders:
    @pytest.mark.parametrize("given", ["a", "0123-abc_DEF.x:y", "x" * 128])
    def test_a_request_id_is_taken_over(self, serve: Start, service: Service, given: str) -> None:
        nginx = serve()

        answer = send(nginx, path="/metrics", headers={"X-Request-Id": given})
        send(nginx, headers={"X-Request-Id": given})

        assert refused(answer, errors.NotFound)["requestId"] == given
        assert service.asked[0]["HTTP_X_REQUEST_ID"] == given

    @pytest.mark.parametrize("given", ["", "a b", "x" * 129, '"', "<script>"])
    def test_a_request_id_is_made_where_none_will_do(
        self, serve: Start, service: Service, given: str
    ) -> None:
        nginx = serve()
        for _ in range(2):
            send(nginx, headers={"X-Request-Id": given})

        made = {environ["HTTP_X_REQUEST_ID"] for environ in service.asked}
        assert len(made) == 2
        assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)
        assert {line["requestId"] for line in logged(nginx, 2)} == made

    def test_the_scheme_is_that_of_nginx_whatever_the_client_says(
        self, serve: Start, service: Service
    ) -> None:
        forged = {
            "Host": "assets.example.org:8443",
            "X-Forwarded-Proto": "gopher",
            "X-Forwarded-Protocol": "http",
            "X-Forwarded-Ssl": "off",
            "X-Forwarded-For": "192.0.2.1",
        }

        response, _ = send(serve(), headers=forged)

        assert response.status == 200
        [environ] = service.asked
        assert environ["wsgi.url_scheme"] == "https"
        assert environ["HTTP_HOST"] == "assets.example.org:8443"
        assert environ["HTTP_X_FORWARDED_FOR"] == "127.0.0.1"
        assert not {"HTTP_X_FORWARDED_PROTOCOL", "HTTP_X_FORWARDED_SSL"} & environ.keys()

    def test_answers(self, serve: Start) -> None:
        nginx = serve()
        for path in ("/assets/video", "/metrics"):
            response, _ = send(nginx, path=path)
            assert response.headers["Server"] == "nginx"
            assert response.headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]

    def test_a_known_origin_may_read_what_is_refused(self, serve: Start) -> None:
        nginx = serve({"# https://app.example.org ": "https://app.example.org "})
        for origin, allowed in (
            ("https://app.example.org", "https://app.example.org"),
            ("https://app.example.org.evil.example", None),
        ):
            response, _ = send(nginx, path="/metrics", headers={"Origin": origin})
            assert response.headers["Access-Control-Allow-Origin"] == allowed
            assert response.headers["Vary"] == "Origin"

    def test_the_longest_link_passes(self, serve: Start, service: Service) -> None:
        link = f'<https://assets.example.org/assets/video?{"x" * 10_000}>; rel="next"'
        service.headers += [("Link", link), ("X-Next-Cursor", "x" * 2_000)]

        response, _ = send(serve())

        assert (response.status, response.headers["Link"]) == (200, link)

    def test_the_log_holds_no_token_and_no_probe(self, serve: Start) -> None:
        nginx = serve()
        send(nginx, path="/livez", headers=AUTHORIZATION)
        send(nginx, path="/assets/video?limit=1", headers=AUTHORIZATION)

        [line] = logged(nginx, 1)
        assert (line["method"], line["uri"]) == ("GET", "/assets/video?limit=1")
        assert (line["status"], line["upstreamStatus"]) == (200, "200")
        assert TOKEN not in nginx.access_log.read_text()


class TestUpstream:
    def test_connections_are_kept(self, serve: Start, service: Service) -> None:
        nginx = serve()
        for _ in range(10):
            send(nginx)

        assert len({environ["REMOTE_PORT"] for environ in service.asked}) == 1

    def test_a_post_that_was_sent_is_not_sent_again(self, start: Start) -> None:
        """The service closes a new connection first, then one that nginx kept."""
        with HttpServer(hang_up) as server:
            nginx = start(server.port)
            for _ in range(3):
                refused(send(nginx, "POST", body=b"{}"), errors.Unavailable)

            assert len(server.received) == 3

    @pytest.mark.parametrize(("method", "times"), [("POST", 1), ("GET", 2)])
    def test_a_get_goes_to_the_next_machine_and_a_post_does_not(
        self, start: Start, method: str, times: int
    ) -> None:
        with HttpServer(hang_up) as one, HttpServer(hang_up) as another:
            both = f"server 127.0.0.1:{one.port}; server 127.0.0.1:{another.port};"
            nginx = start(one.port, {"server 127.0.0.1:10334;": both})

            refused(send(nginx, method, body=b"{}"), errors.Unavailable)

            assert len(one.received + another.received) == times


class TestStreams:
    @pytest.fixture(autouse=True)
    def of_unknown_length(self, service: Service) -> None:
        service.headers = []

    def test_bytes_go_out_as_they_come(self, serve: Start, service: Service) -> None:
        finish = threading.Event()

        def body() -> Iterator[bytes]:
            yield b"[" + b" " * 100_000
            assert finish.wait(30)
            yield b"]"

        service.body = body
        connection = serve().connect()
        connection.request("GET", "/assets/video")
        response = connection.getresponse()

        assert len(response.read(50_000)) == 50_000

        finish.set()
        assert len(response.read()) == 50_002
        connection.close()

    def test_a_slow_reader_holds_no_thread(self, serve: Start, service: Service) -> None:
        """nginx writes 100 MB to a file, and keeps only its buffers in memory."""
        finished = threading.Event()
        service.body = lambda: megabytes(100, finished)
        nginx = serve()
        connection = nginx.connect()
        connection.request("GET", "/assets/video")
        response = connection.getresponse()

        assert finished.wait(60)

        [size] = nginx.temporary_file_sizes()
        # The rest is in the kernel and in the memory of nginx.
        assert 64 * MEBIBYTE < size <= 100 * MEBIBYTE
        assert len(response.read()) == 100 * MEBIBYTE
        connection.close()
        until(lambda: nginx.temporary_file_sizes() == [])

    def test_the_disk_is_not_filled(self, serve: Start, service: Service) -> None:
        finished = threading.Event()
        service.body = lambda: megabytes(64, finished)
        nginx = serve({"proxy_max_temp_file_size 128m;": "proxy_max_temp_file_size 16m;"})
        connection = nginx.connect()
        connection.request("GET", "/assets/video")
        response = connection.getresponse()
        until(lambda: sum(nginx.temporary_file_sizes()) > 15 * MEBIBYTE)

        # The service waits for the reader.
        assert not finished.wait(0.5)
        assert sum(nginx.temporary_file_sizes()) <= 16 * MEBIBYTE

        assert len(response.read()) == 64 * MEBIBYTE
        assert finished.is_set()
        connection.close()

    def test_who_does_not_read_is_given_up(self, serve: Start, service: Service) -> None:
        finished = threading.Event()
        service.body = lambda: megabytes(64, finished)
        nginx = serve(
            {
                "proxy_max_temp_file_size 128m;": "proxy_max_temp_file_size 0;",
                "send_timeout 60s;": "send_timeout 200ms;",
            }
        )
        connection = nginx.connect()
        connection.request("GET", "/assets/video")
        response = connection.getresponse()

        assert finished.wait(30)

        with pytest.raises(http.client.IncompleteRead):
            response.read()
        connection.close()

    def test_who_goes_away_frees_the_service(self, serve: Start, service: Service) -> None:
        finished = threading.Event()
        service.body = lambda: megabytes(64, finished)
        connection = serve(
            {"proxy_max_temp_file_size 128m;": "proxy_max_temp_file_size 0;"}
        ).connect()
        connection.request("GET", "/assets/video")
        response = connection.getresponse()
        assert not finished.wait(0.2)

        response.close()
        connection.close()

        assert finished.wait(30)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def megabytes(count: int, finished: threading.Event) -> Iterator[bytes]:
    """A long list; sets ``finished`` when all of it is read, or when the reader stops early."""
    try:
        for _ in range(count):
            yield b" " * MEBIBYTE
    finally:
        finished.set()


def logged(nginx: Nginx, count: int) -> list[Any]:
    """The entries of the log; nginx writes an entry after it has sent the response."""
    until(lambda: nginx.access_log.read_text().count("\n") >= count)
    return [json.loads(line) for line in nginx.access_log.read_text().splitlines()]
