"""One request and its response, in fewer steps than gunicorn takes.

Only this module and :mod:`.worker` depend on how gunicorn serves requests. For every request
gunicorn sends the headers on their own, checks each of them with two regular expressions, formats
the date, and sets and resets the timeout of the socket. Here the body goes with the headers, one
expression checks all of them, the date is formatted once a second, and the timeout is set only to
read the rest of a body. gunicorn's hooks ``pre_request`` and ``post_request`` are not called.
"""

import re
from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import Any

from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker

from dreamlake_assets import limits

#: Lines of headers that gunicorn would send as they are.
_LINES = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [!-~\x80-\xff](?:[ -~\x80-\xff]*)\r\n)*")


class Exchange(ThreadWorker):
    """The part of the worker that passes a request to the application and sends the response."""

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Serve a parsed request. A body that is too large to be read ends its connection.

        :returns: whether the connection can be kept.
        """
        if getattr(req.body.reader, "length", 0) > limits.body(req.path):
            req.force_close()
        create: Any = wsgi.create
        response, environ = create(req, conn.sock, conn.client, conn.server, self.cfg, _Response)
        environ["wsgi.multithread"] = True
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Restarting the worker after this request.")
            self.alive = False
        if not (self.alive and self.cfg.keepalive and self._may_keep_another()):
            response.force_close()
        try:
            _send(self.wsgi(environ, response.start_response), response)
        except Exception as error:
            if isinstance(error, OSError) or not response.headers_sent:
                raise
            # The end of the connection tells the client that the response is incomplete.
            self.log.exception("Error handling request")
            util.close_graceful(conn.sock)
            raise StopIteration from None
        return not response.should_close()

    def _may_keep_another(self) -> bool:
        return len(self.keepalived_conns) < self.max_keepalived

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Return whether the connection can be kept; discards the rest of a body."""
        if keepalive and getattr(conn.parser.mesg.body.reader, "length", None) == 0:
            return True
        return super()._keepalive_after(conn, keepalive)  # type: ignore[misc]


def _send(body: Iterable[bytes], response: wsgi.Response) -> None:
    try:
        for part in body:
            response.write(part)
        response.close()
    finally:
        if hasattr(body, "close"):
            body.close()  # type: ignore[attr-defined]


class _Response(wsgi.Response):
    """The response of gunicorn; in the usual case it sends headers and body together."""

    version: str
    headers: Any
    _omits_body: bool
    req: Any

    def process_headers(self, headers: Any) -> None:
        """Check the headers, all at once if gunicorn has to change none of them.

        :raises gunicorn.http.errors.InvalidHeader: a value has a character that is not allowed.
        """
        lines = _lines(headers)
        names = [name.lower() for name, _ in headers]
        lengths = [value for name, value in headers if name == "Content-Length"]
        # A line break within a value would begin another line.
        whole = _LINES.fullmatch(lines) and lines.count("\n") == len(headers)
        if not whole or len(lengths) != 1 or not util.hop_headers.isdisjoint(names):
            super().process_headers(headers)
            return
        self.response_length = int(lengths[0])
        self.headers = headers

    def write(self, arg: bytes) -> None:
        """Send a part of the body, and the headers before the first one."""
        if self.headers_sent or self._omits_body or len(arg) != self.response_length:
            super().write(arg)
            return
        self.headers_sent = True
        self.sent = len(arg)
        self.sock.sendall(self._head() + arg)

    def default_headers(self) -> list[str]:
        """Return the status line and the headers of the server."""
        major, minor = self.req.version
        connection = "close" if self.should_close() else "keep-alive"
        lines = (
            f"HTTP/{major}.{minor} {self.status}\r\n"
            f"Server: {self.version}\r\n"
            f"Date: {_date(int(time()))}\r\n"
            f"Connection: {connection}\r\n"
        )
        return [f"{lines}Transfer-Encoding: chunked\r\n" if self.chunked else lines]

    def _head(self) -> bytes:
        return f"{self.default_headers()[0]}{_lines(self.headers)}\r\n".encode("latin-1")


def _lines(headers: Iterable[tuple[str, str]]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers])


@lru_cache(1)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
