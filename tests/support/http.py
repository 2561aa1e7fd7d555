"""A real HTTP server whose responses a test defines."""

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self

Answer = Callable[[BaseHTTPRequestHandler], None]


class Received(NamedTuple):
    """A request, with the path as sent on the wire."""

    method: str
    path: str
    headers: dict[str, str]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    #: With the 5 of the standard library, a client that opens many connections waits a second.
    request_queue_size = 128


class HttpServer:
    """A server on a free port of 127.0.0.1; it runs for the duration of a ``with`` block."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self._scheme = "https" if tls else "http"
        self.received: list[Received] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.received.append(Received(self.command, self.path, dict(self.headers)))
                outer.answer(self)

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002
                """Write nothing to the output of the tests."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.01])

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def answer(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
    """A handler that sends the same response to every request."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return send
