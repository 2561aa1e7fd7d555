"""A proxy between the service and PostgreSQL: counts, delays, cuts and freezes what passes.

    with WireProxy("127.0.0.1", 5432, delay=0.005) as proxy:
        connection = psycopg.connect(proxy.url(database_url), autocommit=True)
        with proxy.count() as counted:
            connection.execute("SELECT 1")
        assert counted.roundtrips == 1

It reads the headers of the frontend/backend protocol, version 3, and forwards every chunk as it
came, but for the client's requests for encryption: those it declines itself. One thread with an
event loop carries all connections. A chunk is counted before it is forwarded, so whoever has an
answer finds it counted.
"""

import asyncio
import selectors
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, Self
from urllib.parse import urlsplit

Sender = Literal["client", "server"]

_HEADER = struct.Struct(">BI")
_START = struct.Struct(">II")
_ENCRYPTION_REQUESTS = {80877103, 80877104}  # SSLRequest, GSSENCRequest
_TRANSACTION_CONTROL = {
    "ABORT",
    "BEGIN",
    "COMMIT",
    "END",
    "RELEASE",
    "ROLLBACK",
    "SAVEPOINT",
    "START",
}


@dataclass
class Traffic:
    """What passed, from some moment on."""

    connections: int = 0
    """Connections that came to their first ReadyForQuery, which is no roundtrip."""

    roundtrips_by_connection: Counter[int] = field(default_factory=Counter)
    """ReadyForQuery messages of the server; connections are numbered from 1."""

    parses: int = 0
    """Parse messages of the client: statements prepared, named or not."""

    statements: list[str] = field(default_factory=list)
    """The SQL of each Query and Execute message of the client, BEGIN, COMMIT and the like aside."""

    @property
    def roundtrips(self) -> int:
        return self.roundtrips_by_connection.total()


class WireProxy:
    """A proxy on a free port of 127.0.0.1, from ``with`` to the end of its block.

    :param delay: seconds that a roundtrip takes longer, half of it in each direction. What is sent
        meanwhile is on its way at the same time.
    """

    def __init__(self, upstream_host: str, upstream_port: int, *, delay: float = 0.0) -> None:
        self.upstream = (upstream_host, upstream_port)
        self.delay = delay
        self.host = "127.0.0.1"
        self.port = 0
        self.frozen = False
        self.total = Traffic()
        self._blocks: list[Traffic] = []
        self._connections: dict[int, _Connection] = {}
        self._accepted = 0
        self._cut_sender: Sender | None = None
        self._cut_after = 0

    @property
    def roundtrips(self) -> int:
        return self.total.roundtrips

    @property
    def statements(self) -> list[str]:
        return self.total.statements

    @property
    def parses(self) -> int:
        return self.total.parses

    @property
    def connections(self) -> int:
        return self.total.connections

    def url(self, database_url: str) -> str:
        """The same URL, by way of the proxy."""
        parts = urlsplit(database_url)
        user, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user}{at}{self.host}:{self.port}").geturl()

    def reset(self) -> None:
        """Count from zero again."""
        self.total = Traffic()

    @contextmanager
    def count(self) -> Iterator[Traffic]:
        """Count what passes within a block."""
        traffic = Traffic()
        self._blocks.append(traffic)
        try:
            yield traffic
        finally:
            self._blocks = [block for block in self._blocks if block is not traffic]

    def cut(self, *, after_bytes: int, sender: Sender = "server") -> None:
        """Let so many bytes of the servers or of the clients through, then cut the connection.

        Counted are the bytes of all connections from now on; cut is the one, once, that goes
        beyond. With 0 the next chunk is lost: a whole answer, or a whole request.
        """
        self._on_loop(partial(self._arm, sender, after_bytes))

    def cut_all(self) -> None:
        """Close every connection at both ends. New ones are taken."""
        self._on_loop(self._abort_all)

    def freeze(self) -> None:
        """Hold back everything, as a stopped server does; connections are taken all the same."""
        self.frozen = True

    def thaw(self) -> None:
        """Forward what was held back, and all that comes."""
        self.frozen = False
        self._on_loop(self._flush_all)

    def __enter__(self) -> Self:
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=[started], name="wire-proxy")
        self._thread.start()
        self._loop = started.result()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def traffic(self) -> list[Traffic]:
        """All that have to be told of what passes."""
        return [self.total, *self._blocks]

    def allowance(self, sender: Sender, size: int) -> int | None:
        """How many bytes of the next ``size`` pass before the connection is cut; None: is not."""
        if sender != self._cut_sender:
            return None
        if size < self._cut_after:
            self._cut_after -= size
            return None
        self._cut_sender = None
        return self._cut_after

    def forget(self, number: int) -> None:
        """Take a connection off the books; both of its ends are closed."""
        del self._connections[number]

    def _run(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner(loop_factory=self._make_loop) as runner:
            try:
                runner.run(self._serve(started))
            except OSError as error:
                started.set_exception(error)

    def _make_loop(self) -> asyncio.AbstractEventLoop:
        # epoll and poll wait in whole milliseconds, select does not; but it knows 1,024 files only.
        selector = selectors.SelectSelector() if self.delay else selectors.DefaultSelector()
        return asyncio.SelectorEventLoop(selector)

    async def _serve(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._accept, self.host, 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set_result(loop)
        await self._stopping.wait()
        server.close()
        while self._connections:
            self._abort_all()
            await asyncio.sleep(0)

    def _accept(self) -> asyncio.Protocol:
        self._accepted += 1
        connection = _Connection(self, self._accepted)
        self._connections[self._accepted] = connection
        return connection.client

    def _on_loop(self, function: Callable[[], None]) -> None:
        done: Future[None] = Future()

        def call() -> None:
            function()
            done.set_result(None)

        self._loop.call_soon_threadsafe(call)
        done.result()

    def _arm(self, sender: Sender, after_bytes: int) -> None:
        self._cut_sender, self._cut_after = sender, after_bytes

    def _abort_all(self) -> None:
        for connection in self._connections.values():
            connection.abort()

    def _flush_all(self) -> None:
        for connection in self._connections.values():
            connection.client.flush()
            connection.server.flush()


class _Connection:
    """A client's connection, the one to the server that belongs to it, and what was said."""

    def __init__(self, proxy: WireProxy, number: int) -> None:
        self.proxy = proxy
        self.number = number
        self.client = _End(self, "client", self.read_client)
        self.server = _End(self, "server", self.read_server)
        self._opening: asyncio.Task[None] | None = None
        self._start: bytes | None = b""  # of the client's first message, until that is complete
        self._is_ready = False
        self._client_messages = _Messages(b"PBEQ")
        self._server_messages = _Messages(b"Z")
        self._prepared: dict[bytes, str] = {}
        self._portals: dict[bytes, str] = {}

    def other_end(self, end: "_End") -> "_End":
        return self.server if end is self.client else self.client

    def open_server(self) -> None:
        self._opening = asyncio.ensure_future(self._open_server())

    async def _open_server(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.server, *self.proxy.upstream)
        except OSError:
            self.abort()

    def abort(self) -> None:
        """Close both ends at once."""
        for end in (self.client, self.server):
            if end.transport:
                end.transport.abort()
        if self._opening and not self.server.transport:
            self._opening.cancel()
            self.server.is_lost = True

    def end_lost(self) -> None:
        if self.client.is_lost and self.server.is_lost:
            self.proxy.forget(self.number)
