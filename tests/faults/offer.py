"""A load generator that can ask for more than is answered: one thread, hardly any parsing."""

import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

_LENGTH = b"content-length:"


@dataclass
class Offered:
    """What became of the requests.

    :param seconds: from the first request to the last answer.
    :param statuses: how often which was answered; ``closed`` where none was.
    :param slowest: seconds, by status.
    """

    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)

    def per_second(self, status: str) -> float:
        """How many were answered with a status in a second."""
        return self.statuses[status] / self.seconds

    @property
    def total(self) -> float:
        """How many were sent in a second."""
        return self.statuses.total() / self.seconds


class _Connection:
    def __init__(self, port: int):
        self._port = port
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self._port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        self.answer = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> str | None:
        """The status of the answer, or ``closed``; None while it is not all there."""
        try:
            received = self.socket.recv(65_536)
        except OSError:
            received = b""
        if not received:
            return "closed"
        self.answer += received
        head, found, body = self.answer.partition(b"\r\n\r\n")
        if not found:
            return None
        _, _, length = head.lower().partition(_LENGTH)
        if len(body) < int(length.partition(b"\r\n")[0]):
            return None
        return head[9:12].decode()


def offer(
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float,
    per_second: float | None = None,
) -> Offered:
    """Send requests for so many seconds, and wait for the answers to the last ones.

    :param per_second: how many to send, whatever is answered, as long as a connection is free.
        Without it, each connection sends its next request when the answer to the last is in.
    """
    offered = Offered()
    idle = deque(_Connection(port) for _ in range(connections))
    begun = time.perf_counter()
    sent = 0
    with selectors.DefaultSelector() as selector:
        while True:
            now = time.perf_counter() - begun
            due = connections if per_second is None else int(now * per_second) - sent
            while now < seconds and idle and due > 0:
                connection = idle.popleft()
                connection.send(next(requests))
                selector.register(connection.socket, selectors.EVENT_READ, connection)
                sent += 1
                due -= 1
            if now >= seconds and not selector.get_map():
                break
            for key, _ in selector.select(None if per_second is None else 0.002):
                connection: _Connection = key.data
                status = connection.receive()
                if status is None:
                    continue
                offered.statuses[status] += 1
                waited = time.perf_counter() - connection.sent_at
                offered.slowest[status] = max(waited, offered.slowest.get(status, 0))
                selector.unregister(connection.socket)
                if status == "closed":
                    connection.socket.close()
                    connection.connect()
                idle.append(connection)
    offered.seconds = time.perf_counter() - begun
    for connection in idle:
        connection.socket.close()
    return offered
