"""A load generator that can exceed the service's capacity: one thread, minimal parsing."""

import re
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)

#: Resolution of response times when the rate is fixed.
_PAUSE_SECONDS = 0.002


@dataclass
class Offered:
    """The results of the requests.

    :param seconds: from the first request to the last response.
    :param statuses: number of responses by status; ``closed`` counts requests without a response.
    :param slowest: seconds, by status.
    """

    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)

    def count(self, status: str, waited: float) -> None:
        """Count a response that arrived after this many seconds."""
        self.statuses[status] += 1
        self.slowest[status] = max(waited, self.slowest.get(status, 0))

    def per_second(self, status: str) -> float:
        """Responses per second with this status."""
        return self.statuses[status] / self.seconds

    @property
    def total(self) -> float:
        """Requests sent per second."""
        return self.statuses.total() / self.seconds


class _Connection:
    def __init__(self, port: int, selector: selectors.BaseSelector):
        self._port = port
        self._selector = selector
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self._socket, selectors.EVENT_READ, self)

    def send(self, request: bytes) -> None:
        self._answer = b""
        self.sent_at = time.perf_counter()
        self._socket.sendall(request)

    def receive(self) -> str | None:
        """Return the response's status, or ``closed``; None while the response is incomplete."""
        try:
            received = self._socket.recv(65_536)
        except OSError:
            received = b""
        if not received:
            self.close()
            self._connect()
            return "closed"
        self._answer += received
        head_length = self._answer.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(self._answer, 0, head_length)
        if length is None or len(self._answer) < head_length + int(length[1]):
            return None
        return self._answer[9:12].decode()

    def close(self) -> None:
        self._selector.unregister(self._socket)
        self._socket.close()


def offer(
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float,
    per_second: float | None = None,
) -> Offered:
    """Send requests for this many seconds, and wait for the last responses.

    :param per_second: rate of requests, independent of responses while a connection is free.
        Without it, each connection sends its next request after the previous response.
    """
    offered = Offered()
    sent = 0
    with selectors.DefaultSelector() as selector:
        idle = deque(_Connection(port, selector) for _ in range(connections))
        begun = time.perf_counter()
        while (now := time.perf_counter() - begun) < seconds or len(idle) < connections:
            due = connections if per_second is None else int(now * per_second) - sent
            for _ in range(min(due, len(idle)) if now < seconds else 0):
                idle.popleft().send(next(requests))
                sent += 1
            if per_second is not None:
                # Responses that arrive within a pause are read together, which saves CPU.
                time.sleep(_PAUSE_SECONDS)
            for key, _ in selector.select(None if per_second is None else 0):
                connection: _Connection = key.data
                if status := connection.receive():
                    offered.count(status, time.perf_counter() - connection.sent_at)
                    idle.append(connection)
        offered.seconds = time.perf_counter() - begun
        for connection in idle:
            connection.close()
    return offered
