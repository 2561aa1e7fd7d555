"""Responses that the worker writes itself, without Flask: to requests that it refuses unread."""

import re
import socket
from contextlib import suppress
from http import HTTPStatus
from secrets import token_hex

import orjson
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

from dreamlake_assets.errors import AssetsError, InvalidRequest, Overloaded
from dreamlake_assets.serving.headers import PROTECTION, Headers, Origins

#: Bytes of a request that are looked at before it is parsed.
PEEK_BYTES = 64 * 1024

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
_NOT_SIMPLE = re.compile(rb"\r\n(transfer-encoding|expect|connection):", re.IGNORECASE)
_GIVEN_ID = re.compile(rb"\r\nx-request-id:[ \t]*([\w.:-]{1,128})[ \t]*\r\n", re.IGNORECASE)
_GIVEN_ORIGIN = re.compile(rb"\r\norigin:[ \t]*([!-~]+)[ \t]*\r\n", re.IGNORECASE)


def received_from(client: socket.socket) -> bytes:
    """What a client has sent so far."""
    with suppress(OSError):
        return client.recv(PEEK_BYTES, socket.MSG_DONTWAIT)
    return b""


def is_whole(received: bytes) -> bool:
    """Whether these bytes are one simple request, all of it and nothing else."""
    end = received.find(b"\r\n\r\n") + 4
    if end < 4 or b" HTTP/1.1\r\n" not in received or _NOT_SIMPLE.search(received, 0, end):
        return False
    length = _CONTENT_LENGTH.search(received, 0, end)
    return len(received) - end == (int(length[1]) if length else 0)


def _lines(headers: Headers) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode()


_OVERLOADED = Overloaded()
_REFUSAL_BODY = orjson.dumps(
    {"error": str(_OVERLOADED), "code": _OVERLOADED.code, "requestId": "%s"}
)
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: %d\r\n"
    + _lines([*_OVERLOADED.headers.items(), *PROTECTION])
    + b"X-Request-Id: %s\r\n%sConnection: %s\r\n\r\n"
    + _REFUSAL_BODY
)


_REFUSED_AS = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
}


def invalid_request(error: ParseException, request_id: str) -> bytes:
    """The response to bytes that are not an HTTP request."""
    status = _REFUSED_AS.get(type(error), HTTPStatus.BAD_REQUEST)
    return _last(InvalidRequest("This is not a valid HTTP request."), status, request_id)


def internal_error(request_id: str) -> bytes:
    """The response to a request that could not be served."""
    return _last(AssetsError(), HTTPStatus.INTERNAL_SERVER_ERROR, request_id)


def _last(error: AssetsError, status: HTTPStatus, request_id: str) -> bytes:
    """The last response of a connection: nobody knows where its next request begins."""
    body = orjson.dumps({"error": str(error), "code": error.code, "requestId": request_id})
    head = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-Request-Id", request_id),
        ("Connection", "close"),
        *PROTECTION,
    ]
    return b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (status, status.phrase.encode(), _lines(head), body)


def refusal(received: bytes, *, keep: bool, origins: Origins | None) -> bytes:
    """The answer to a request that is turned away."""
    cross_origin = b""
    if origins is not None:
        origin = _GIVEN_ORIGIN.search(received)
        cross_origin = _lines(origins.headers(origin[1].decode() if origin else ""))
    given = _GIVEN_ID.search(received)
    request_id = given[1] if given else token_hex(16).encode()
    length = len(_REFUSAL_BODY) - len("%s") + len(request_id)
    connection = b"keep-alive" if keep else b"close"
    answer = _REFUSAL % (length, request_id, cross_origin, connection, request_id)
    return answer[:-length] if received.startswith(b"HEAD ") else answer
