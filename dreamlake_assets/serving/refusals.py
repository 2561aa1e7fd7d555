"""Responses that the worker writes without Flask, to requests that it refuses or fails to serve."""

import logging
import re
import socket
from collections import Counter
from contextlib import suppress
from http import HTTPStatus
from secrets import token_hex
from threading import Lock

import orjson
from gunicorn.http.errors import (
    ExpectationFailed,
    InvalidHeader,
    InvalidHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

from dreamlake_assets import limits, trace
from dreamlake_assets.errors import AssetsError, InvalidRequest, Overloaded, UrlTooLong
from dreamlake_assets.serving import observer
from dreamlake_assets.serving.headers import PROTECTION, Headers, Origins

#: The largest part of a request that the worker reads before it parses it, in bytes.
PEEK_BYTES = 64 * 1024

#: The beginning of a request of a health check.
LIVEZ = b"GET /livez "

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_UNCERTAIN_END = re.compile(rb"\r\n(transfer-encoding|expect|connection):", re.IGNORECASE)
_BODY_FOLLOWS = re.compile(rb"\r\n(content-length|transfer-encoding|expect):", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"\r\nx-request-id:[ \t]*([\w.:-]{1,128})[ \t]*\r\n", re.IGNORECASE)
_ORIGIN = re.compile(rb"\r\norigin:[ \t]*([!-~]+)[ \t]*\r\n", re.IGNORECASE)


class TurnedAway:
    """Counts refused requests by reason. One log line each would slow an overloaded worker."""

    def __init__(self) -> None:
        self._counts = Counter[str]()
        self._lock = Lock()

    def count(self, reason: str) -> None:
        """Count a refused request.

        :param reason: ends the log line "turned away 12 requests: …".
        """
        with self._lock:
            self._counts[reason] += 1
        for listener in observer.turned_away_listeners:
            listener()

    def log(self, log: logging.Logger) -> None:
        """Log one line for each reason that was counted since the last call."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        for reason, count in counts.items():
            extra = {"turned_away": count}
            log.warning("turned away %d requests: %s", count, reason, extra=extra)


def received_from(client: socket.socket, size: int = PEEK_BYTES, flags: int = 0) -> bytes:
    """Return the bytes that a client has sent so far, up to a size. Does not wait."""
    with suppress(OSError):
        return client.recv(size, socket.MSG_DONTWAIT | flags)
    return b""


def peeked(client: socket.socket, size: int) -> bytes:
    """Return the bytes that a client has sent so far, which remain to be received."""
    return received_from(client, size, socket.MSG_PEEK)


def is_whole(received: bytes) -> bool:
    """Return whether the bytes are exactly one request whose end is certain.

    Requests with ``Transfer-Encoding``, ``Expect`` or ``Connection``, or of HTTP/1.0, are not.
    """
    end = received.find(b"\r\n\r\n") + 4
    if end < 4 or b" HTTP/1.1\r\n" not in received or _UNCERTAIN_END.search(received, 0, end):
        return False
    length = _CONTENT_LENGTH.search(received, 0, end)
    return len(received) - end == (int(length[1]) if length else 0)


def is_health_check(received: bytes) -> bool:
    """Return whether the bytes are a complete GET of ``/livez``: no thread waits for its client."""
    return (
        received.startswith(LIVEZ)
        and received.endswith(b"\r\n\r\n")
        and not _BODY_FOLLOWS.search(received)
    )


def _header_lines(headers: Headers) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode()


_OVERLOADED = Overloaded()
_REFUSAL_BODY = orjson.dumps(
    {"error": str(_OVERLOADED), "code": _OVERLOADED.code, "requestId": "%s"}
)
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: %d\r\n"
    + _header_lines([*_OVERLOADED.headers.items(), *PROTECTION])
    + b"X-Request-Id: %s\r\n%sConnection: %s\r\n\r\n"
    + _REFUSAL_BODY
)


_INVALID = (HTTPStatus.BAD_REQUEST, InvalidRequest("This is not a valid HTTP request."))
_REFUSALS: dict[type[ParseException], tuple[HTTPStatus, AssetsError]] = {
    LimitRequestLine: (HTTPStatus.REQUEST_URI_TOO_LONG, UrlTooLong()),
    LimitRequestHeaders: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        InvalidRequest(f"A header has more than {limits.HEADER:,} bytes, or there are too many."),
    ),
    UnsupportedTransferCoding: (
        HTTPStatus.NOT_IMPLEMENTED,
        InvalidRequest("This Transfer-Encoding is not supported."),
    ),
    ExpectationFailed: (
        HTTPStatus.EXPECTATION_FAILED,
        InvalidRequest("This Expect is not supported."),
    ),
}


def error_response(request: object, error: BaseException, log: logging.Logger) -> bytes:
    """Log an invalid or failed request, and return the response to it.

    The log names the type of a parse error and not its message: gunicorn's message quotes the
    request, which may hold a token.

    :param request: None if it could not be parsed.
    :param error: a parse error of gunicorn, or the reason of the failure.
    """
    request_id = trace.current().request_id or token_hex(16)
    extra = {"request_id": request_id}
    # For a parsed request, gunicorn raises the same errors for the headers of its response.
    of_response = request is not None and isinstance(error, InvalidHeader | InvalidHeaderName)
    if isinstance(error, ParseException) and not of_response:
        log.warning("refused an invalid request: %s", type(error).__name__, extra=extra)
        status, refusal = _REFUSALS.get(type(error), _INVALID)
        return _closing_response(refusal, status, request_id)
    log.error("a request failed", exc_info=error, extra=extra)
    trace.end()
    return _closing_response(AssetsError(), HTTPStatus.INTERNAL_SERVER_ERROR, request_id)


def _closing_response(error: AssetsError, status: HTTPStatus, request_id: str) -> bytes:
    """Return a response that closes the connection: the start of a next request is unknown."""
    body = orjson.dumps({"error": str(error), "code": error.code, "requestId": request_id})
    head = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Request-Id", request_id),
        ("Connection", "close"),
        *PROTECTION,
    ]
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (
        status,
        status.phrase.encode(),
        _header_lines(head),
        body,
    )


def refusal(received: bytes, *, keep: bool, origins: Origins | None) -> bytes:
    """Return the response to a request that the worker refuses because it is overloaded.

    :param received: the bytes of the request that have arrived.
    :param keep: whether the connection stays open.
    :param origins: the origins of cross-origin access, or None if it is off.
    """
    cross_origin = b""
    if origins is not None:
        origin = _ORIGIN.search(received)
        cross_origin = _header_lines(origins.headers(origin[1].decode() if origin else ""))
    given = _REQUEST_ID.search(received)
    request_id = given[1] if given else token_hex(16).encode()
    length = len(_REFUSAL_BODY) - len("%s") + len(request_id)
    connection = b"keep-alive" if keep else b"close"
    response = _REFUSAL % (length, request_id, cross_origin, connection, request_id)
    return response[:-length] if received.startswith(b"HEAD ") else response
