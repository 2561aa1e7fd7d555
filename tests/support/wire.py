"""A proxy between the service and PostgreSQL that counts, delays, cuts and freezes traffic.

    with WireProxy("127.0.0.1", 5432, delay=0.005) as proxy:
        connection = psycopg.connect(proxy.url(database_url), autocommit=True)
        with proxy.count() as counted:
            connection.execute("SELECT 1")
        assert counted.roundtrips == 1

It reads the headers of the frontend/backend protocol, version 3, and forwards every chunk
unchanged, except for the client's requests for encryption, which it declines itself. One thread
with an event loop carries all connections. A chunk is counted before it is forwarded, so a client
that has a response finds it counted.
"""

import asyncio
import selectors
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, Self
from urllib.parse import urlsplit

Sender = Literal["client", "server"]

_HEADER = struct.Struct(">BI")
_START = struct.Struct(">II")
_ENCRYPTION_REQUESTS = {80877103, 80877104}  # SSLRequest, GSSENCRequest
_TRANSACTION_CONTROL = ("BEGIN", "START ", "COMMIT", "END", "ROLLBACK", "SAVEPOINT ", "RELEASE ")


@dataclass
class Traffic:
    """Counts of the traffic since some moment."""

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
    """A proxy on a free port of 127.0.0.1; it runs for the duration of a ``with`` block.

    :param delay: seconds added to a roundtrip, half of it in each direction. Chunks sent meanwhile
        are delayed concurrently.
    """

    def __init__(self, upstream_host: str, upstream_port: int, *, delay: float = 0.0) -> None:
        self.upstream = (upstream_host, upstream_port)
        self.delay = delay
        self.host = "127.0.0.1"
        self.port = 0
        self.frozen = False
        self.total = Traffic()
        self._blocks: list[Traffic] = []
        self._connections: dict[asyncio.Task[None], _Connection] = {}
        self._accepted = 0
        self._cut_sender: Sender | None = None
        self._cut_after = 0
        self._cut_everything = False

    @classmethod
    def before(cls, database_url: str, *, delay: float = 0.0) -> Self:
        """Return a proxy in front of the server of a database."""
        parts = urlsplit(database_url)
        return cls(parts.hostname or "", parts.port or 0, delay=delay)

    @property
    def connections(self) -> int:
        return self.total.connections

    @property
    def roundtrips(self) -> int:
        return self.total.roundtrips

    @property
    def parses(self) -> int:
        return self.total.parses

    @property
    def statements(self) -> list[str]:
        return self.total.statements

    def url(self, database_url: str) -> str:
        """Return the URL of the same database through the proxy."""
        parts = urlsplit(database_url)
        user, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user}{at}{self.host}:{self.port}").geturl()

    def reset(self) -> None:
        """Count from zero again."""
        self.total = Traffic()

    @contextmanager
    def count(self) -> Iterator[Traffic]:
        """Count the traffic within a block."""
        traffic = Traffic()
        self._blocks = [*self._blocks, traffic]
        try:
            yield traffic
        finally:
            self._blocks = [block for block in self._blocks if block is not traffic]

    def cut(self, *, after_bytes: int, sender: Sender = "server", everything: bool = False) -> None:
        """Cut a connection after ``after_bytes`` more bytes of ``sender`` have been forwarded.

        The bytes of all connections are counted together; one connection is cut, once. With 0 the
        next chunk is lost, whether a response of the server or a request of the client.

        :param everything: whether to cut all other connections, too.
        """

        def arm() -> None:
            self._cut_sender, self._cut_after = sender, after_bytes
            self._cut_everything = everything

        self._on_loop(arm)

    def cut_all(self) -> None:
        """Close both ends of every connection at once. New connections are accepted."""

        def abort() -> None:
            for connection in self._connections.values():
                connection.abort()

        self._on_loop(abort)

    def freeze(self) -> None:
        """Hold all traffic back but accept connections, as a stopped server does."""
        self.frozen = True

    def thaw(self) -> None:
        """Forward the held traffic and resume."""

        def flush() -> None:
            self.frozen = False
            for connection in self._connections.values():
                connection.client.flush()
                connection.server.flush()

        self._on_loop(flush)

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

    def traffic(self) -> Iterator[Traffic]:
        """Yield every active count."""
        yield self.total
        yield from self._blocks

    def allowance(self, sender: Sender, size: int) -> int | None:
        """Return how many of the next bytes may pass before a cut, or None if no cut is due."""
        if sender != self._cut_sender:
            return None
        if size < self._cut_after:
            self._cut_after -= size
            return None
        self._cut_sender = None
        return self._cut_after

    def is_due(self) -> bool:
        """Whether a requested cut is still pending."""
        return self._cut_sender is not None

    def cut_others(self, than: "_Connection") -> None:
        """Cut all connections except the one already being cut, if requested."""
        if self._cut_everything:
            for connection in self._connections.values():
                if connection is not than:
                    connection.abort()

    def _run(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        # epoll waits in whole milliseconds. select is finer, but is limited to 1,024 files.
        selector = selectors.SelectSelector if self.delay else selectors.DefaultSelector
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector())) as runner:
            runner.run(self._serve(started))

    async def _serve(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._accept, self.host, 0, backlog=1_024)
        self.port = server.sockets[0].getsockname()[1]
        started.set_result(loop)
        await self._stopping.wait()
        server.close()

    def _accept(self) -> asyncio.Protocol:
        self._accepted += 1
        connection = _Connection(self, self._accepted)
        task = asyncio.ensure_future(connection.carry())
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)
        return connection.client

    def _on_loop(self, function: Callable[[], None]) -> None:
        async def call() -> None:
            function()

        asyncio.run_coroutine_threadsafe(call(), self._loop).result()


class _Connection:
    """A client's connection, its connection to the server, and the traffic between them."""

    def __init__(self, proxy: WireProxy, number: int) -> None:
        self.proxy = proxy
        self.number = number
        self.client = _End(self, "client", self._client_said)
        self.server = _End(self, "server", self._server_said)
        self._start: bytes | None = b""  # the client's first message, until it is complete
        self._ready = False
        self._from_client = _Messages(b"PBEQ")
        self._from_server = _Messages(b"Z")
        self._prepared: dict[bytes, bytes] = {}
        self._portals: dict[bytes, bytes] = {}

    async def carry(self) -> None:
        """Connect to the server, and wait until both ends are closed."""
        loop = asyncio.get_running_loop()
        try:
            with suppress(OSError):
                await loop.create_connection(lambda: self.server, *self.proxy.upstream)
                await asyncio.wait([self.client.lost, self.server.lost])
        finally:
            self.abort()

    def abort(self) -> None:
        """Close both ends at once."""
        for end in (self.client, self.server):
            if end.transport:
                end.transport.abort()

    def other(self, end: "_End") -> "_End":
        return self.server if end is self.client else self.client

    def _client_said(self, data: bytes) -> None:
        if self._start is None:
            for kind, body in self._from_client.read(data):
                self._client_message(kind, body)
            self.server.deliver(data)
            return

        self._start += data
        if len(self._start) < _START.size:
            return
        length, code = _START.unpack_from(self._start)
        if code in _ENCRYPTION_REQUESTS:
            self._start = b""
            self.client.deliver(b"N")
        elif len(self._start) >= length:
            self.server.deliver(self._start)
            self._start = None

    def _client_message(self, kind: int, body: bytes) -> None:
        match chr(kind), body.split(b"\0", 2):
            case "P", [name, statement, _]:
                self._prepared[name] = statement
                for traffic in self.proxy.traffic():
                    traffic.parses += 1
            case "B", [portal, name, _]:
                self._portals[portal] = self._prepared[name]
            case "E", [portal, *_]:
                self._executed(self._portals[portal])
            case "Q", [statement, *_]:
                self._executed(statement)

    def _executed(self, statement: bytes) -> None:
        text = statement.decode()
        if not text.upper().startswith(_TRANSACTION_CONTROL):
            for traffic in self.proxy.traffic():
                traffic.statements.append(text)

    def _server_said(self, data: bytes) -> None:
        for _ in self._from_server.read(data):
            for traffic in self.proxy.traffic():
                if self._ready:
                    traffic.roundtrips_by_connection[self.number] += 1
                else:
                    traffic.connections += 1
            self._ready = True
        self.client.deliver(data)


class _End(asyncio.Protocol):
    """One of the two sockets of a connection.

    Outgoing data waits for half of the delay, and is held while the proxy is frozen or the socket
    is not yet open. None marks the end of the data.
    """

    def __init__(
        self, connection: _Connection, sender: Sender, said: Callable[[bytes], None]
    ) -> None:
        self.transport: asyncio.Transport | None = None
        self.lost = asyncio.get_running_loop().create_future()
        self._connection = connection
        self._proxy = connection.proxy
        self._sender: Sender = sender
        self._said = said
        self._travelling: deque[bytes | None] = deque()
        self._held: deque[bytes | None] = deque()

    def deliver(self, data: bytes | None) -> None:
        self._travelling.append(data)
        if self._proxy.delay:
            asyncio.get_running_loop().call_later(self._proxy.delay / 2, self._arrive)
        else:
            self._arrive()

    def _arrive(self) -> None:
        self._held.append(self._travelling.popleft())
        self.flush()

    def flush(self) -> None:
        if self.transport is None or self._proxy.frozen:
            return
        while self._held:
            data = self._held.popleft()
            if data is None:
                self.transport.close()
            elif not self.transport.is_closing():
                self.transport.write(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.flush()

    def data_received(self, data: bytes) -> None:
        allowance = self._proxy.allowance(self._sender, len(data))
        self._said(data[:allowance])
        if allowance is not None:
            assert self.transport
            self.transport.abort()
            self._proxy.cut_others(self._connection)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)
        self._connection.other(self).deliver(None)

    def pause_writing(self) -> None:
        if reader := self._connection.other(self).transport:
            reader.pause_reading()

    def resume_writing(self) -> None:
        if reader := self._connection.other(self).transport:
            reader.resume_reading()


class _Messages:
    """Splits a stream into the messages of the protocol and skips unwanted kinds."""

    def __init__(self, wanted: bytes) -> None:
        self._wanted = wanted
        self._rest = b""  # the beginning of a wanted message, or of a header
        self._skip = 0  # remaining bytes of an unwanted message

    def read(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """Return kind and body of the wanted messages that are complete with this chunk."""
        found: list[tuple[int, bytes]] = []
        data = self._rest + chunk if self._rest else chunk
        position, end = self._skip, len(data)
        while end - position >= _HEADER.size:
            kind, length = _HEADER.unpack_from(data, position)
            following = position + 1 + length
            if kind in self._wanted:
                if following > end:
                    break
                found.append((kind, data[position + _HEADER.size : following]))
            position = following
        self._skip = max(0, position - end)
        self._rest = data[position:]
        return found
