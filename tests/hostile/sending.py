"""Sends fuzzed requests over HTTP, a few at a time, and checks every response."""

import json
import selectors
import socket
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from tests.hostile.fuzzing import Fuzzer, Request
from tests.hostile.invariants import fault

CONNECTIONS = 8
#: Timeout in seconds for each response.
PATIENCE_SECONDS = 30
MOST_FAULTS = 10
#: gunicorn closes the connection without notice if more of a refused body is unread.
_MOST_UNREAD_BYTES = 60_000


@dataclass(slots=True)
class Tally:
    """The results of the requests.

    :param statuses: number of responses by status, and by error code.
    :param registered: number of assets created.
    :param faults: the first faulty responses, each with its request.
    """

    answered: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    registered: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Self) -> None:
        """Add the tally of another process."""
        self.answered += other.answered
        self.statuses += other.statuses
        self.registered += other.registered
        self.faults += other.faults


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Connection:
    """A keep-alive connection with at most one pending request."""

    def __init__(self, port: int):
        self._port = port
        self.request = Request("GET", "/")
        self._received = b""
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        connected = socket.create_connection(("127.0.0.1", self._port), PATIENCE_SECONDS)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def send(self, request: Request) -> None:
        self.request = request
        self._received = b""
        # A large request may be refused before it is sent completely; the response is there then.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(_on_the_wire(request))

    def receive(self) -> _Answer | None:
        """Return the response, or None while it is incomplete.

        :raises ConnectionError: the connection closed before the response was complete.
        """
        received = self.socket.recv(262_144)
        if not received:
            raise ConnectionResetError("closed before all of the answer was there")
        self._received += received
        return _parsed(self._received)

    def reconnect(self) -> None:
        self.socket.close()
        self.socket = self._connect()


def send(port: int, seed: str, tokens: Mapping[str, str], requests: int) -> Tally:
    """Send this many requests; each connection waits for a response before its next request."""
    tally = Tally()
    fuzzer = Fuzzer(seed, tokens)
    left = requests
    with selectors.DefaultSelector() as selector:
        for _ in range(min(CONNECTIONS, requests)):
            connection = _Connection(port)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(fuzzer.request())
            left -= 1
        while selector.get_map():
            ready = selector.select(PATIENCE_SECONDS)
            if not ready:
                waiting = (_shown(key.data.request) for key in selector.get_map().values())
                tally.faults += [f"no answer in {PATIENCE_SECONDS} s: {each}" for each in waiting]
                break
            for key, _ in ready:
                connection: _Connection = key.data
                closed = _take(connection, fuzzer, tally)
                if closed is None:
                    continue
                if left == 0 or len(tally.faults) >= MOST_FAULTS:
                    selector.unregister(key.fileobj)
                    connection.socket.close()
                    continue
                if closed:
                    selector.unregister(key.fileobj)
                    connection.reconnect()
                    selector.register(connection.socket, selectors.EVENT_READ, connection)
                connection.send(fuzzer.request())
                left -= 1
    return tally


def _take(connection: _Connection, fuzzer: Fuzzer, tally: Tally) -> bool | None:
    """Check a response. Returns whether it closes the connection; None while incomplete."""
    try:
        answer = connection.receive()
    except OSError as error:
        tally.faults.append(f"{error}: {_shown(connection.request)}")
        return True
    if answer is None:
        return None
    tally.answered += 1
    tally.statuses[str(answer.status)] += 1
    wrong = fault(answer.status, answer.headers, answer.body)
    if wrong is not None:
        shown = f"{answer.status} {answer.body[:500]!r}"
        tally.faults.append(f"{wrong}: {_shown(connection.request)} -> {shown}")
    if answer.status == 201 and "idempotent-replayed" not in answer.headers:
        tally.registered += len(json.loads(answer.body).get("assets", [None]))
    fuzzer.cursor = answer.headers.get("x-next-cursor", fuzzer.cursor)
    fuzzer.asset = answer.headers.get("location", fuzzer.asset)
    unread = answer.status >= 400 and len(connection.request.body) > _MOST_UNREAD_BYTES
    return unread or answer.headers.get("connection", "").lower() == "close"


def _shown(request: Request) -> str:
    return f"{request.method} {request.target[:500]} {request.headers} {request.body[:500]!r}"


def _on_the_wire(request: Request) -> bytes:
    headers = {"Host": "127.0.0.1", **request.headers, "Content-Length": str(len(request.body))}
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + request.body


def _parsed(received: bytes) -> _Answer | None:
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        whole = _joined(body)
    else:
        length = int(headers.get("content-length", 0))
        whole = body if len(body) >= length else None
    return None if whole is None else _Answer(int(first.split(" ")[1]), headers, whole)


def _joined(chunks: bytes) -> bytes | None:
    """Return the body of a chunked response; None while it is incomplete."""
    if not chunks.endswith(b"0\r\n\r\n"):
        return None
    body = b""
    while chunks:
        length, _, rest = chunks.partition(b"\r\n")
        size = int(length, 16)
        body += rest[:size]
        chunks = rest[size + 2 :]
    return body
