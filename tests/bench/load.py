"""A load generator that uses little CPU: one thread, sockets, no parsing.

It is a closed loop: each connection sends its next request after the previous response.
"""

import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


@dataclass(frozen=True, slots=True)
class Load:
    """The responses and their latencies.

    :param seconds: from the first request to the last response.
    :param latencies: of each successful request, in seconds, in ascending order.
    :param failed: number of responses with a server error (500 or above).
    """

    seconds: float
    latencies: list[float]
    failed: int

    @property
    def per_second(self) -> float:
        """Successful requests per second."""
        return len(self.latencies) / self.seconds

    def quantile(self, share: float) -> float:
        """Return the seconds within which this share of the requests was completed."""
        return self.latencies[int(share * (len(self.latencies) - 1))]


class _Connection:
    """A keep-alive connection with at most one pending request."""

    def __init__(self, port: int):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.failed = False
        self._answer = b""
        self._sent_at = 0.0

    def send(self, request: bytes) -> None:
        self._answer = b""
        self._sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> float | None:
        """Return the duration of the response in seconds; None while it is incomplete.

        :raises RuntimeError: the request is refused, or the connection closed.
        """
        received = self.socket.recv(262_144)
        self._answer += received
        head, found, body = self._answer.partition(_HEAD_END)
        self.failed = head.startswith(b"HTTP/1.1 5")
        if not received or (
            found and not self.failed and not head.startswith((b"HTTP/1.1 20", b"HTTP/1.1 302"))
        ):
            raise RuntimeError(f"not an answer of success: {self._answer[:1000]!r}")
        if not found:
            return None
        _, _, length = head.lower().partition(_LENGTH)
        if len(body) < int(length.partition(b"\r\n")[0]):
            return None
        return time.perf_counter() - self._sent_at


def run(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> Load:
    """Send requests for this many seconds, and wait for the last responses.

    :param requests: endless complete requests, head and body.
    :raises RuntimeError: a request is refused, or all have failed.
    """
    latencies: list[float] = []
    failed = 0
    with selectors.DefaultSelector() as selector:
        started = time.perf_counter()
        for _ in range(connections):
            connection = _Connection(port)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(next(requests))
        end = started + seconds
        while selector.get_map():
            for key, _ in selector.select():
                connection: _Connection = key.data
                latency = connection.receive()
                if latency is None:
                    continue
                if connection.failed:
                    failed += 1
                else:
                    latencies.append(latency)
                if time.perf_counter() < end:
                    connection.send(next(requests))
                else:
                    selector.unregister(connection.socket)
                    connection.socket.close()
        if not latencies:
            raise RuntimeError("every request failed")
        return Load(time.perf_counter() - started, sorted(latencies), failed)


def read_stream(port: int, request: bytes) -> tuple[float, int]:
    """Read a response without Content-Length to its end, and discard it.

    :returns: seconds, and bytes.
    :raises RuntimeError: the response is incomplete, or not successful.
    """
    size = 0
    tail = b""
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            received = connection.recv(1 << 20)
            if not received or (not size and not received.startswith(b"HTTP/1.1 200")):
                raise RuntimeError(f"not all of an answer: {received[:1000]!r}")
            size += len(received)
            tail = (tail + received)[-16:]
    return time.perf_counter() - started, size
