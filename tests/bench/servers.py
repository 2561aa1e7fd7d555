"""The measured servers, each in separate processes, on free ports of 127.0.0.1."""

import asyncio
import multiprocessing
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import testing.postgresql

from dreamlake_assets.local.postgres import binaries, testing_programs
from dreamlake_assets.local.processes import reserved_ports
from tests.support.wire import WireProxy

SECRET = "a secret of the benchmark, which has enough bytes"

#: Every commit is flushed to disk. Automatic checkpoints are prevented, so that none affects only
#: one contestant.
POSTGRES_OPTIONS = (
    "-h 127.0.0.1 -c fsync=on -c shared_buffers=1GB -c max_connections=200"
    " -c max_wal_size=16GB -c checkpoint_timeout=1h -c logging_collector=off"
)

_ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server and the processes that do its work."""

    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """CPU seconds of all its processes so far, including those that have ended."""
        own = self.process.cpu_times()
        total = own.children_user + own.children_system
        for each in (self.process, *self.process.children(recursive=True)):
            with suppress(OSError):
                total += time.clock_gettime(_cpu_clock(each.pid))
        return total

    def workers(self) -> list[psutil.Process]:
        """The processes below the first one."""
        return self.process.children()

    def connections(self) -> list[int]:
        """Number of client connections of each worker."""
        return [
            sum(
                each.laddr.port == self.port and each.status != psutil.CONN_LISTEN
                for each in worker.net_connections("tcp")
            )
            for worker in self.workers()
        ]


def _cpu_clock(process_id: int) -> int:
    """Return the clock of the CPU time of a process, as clock_getcpuclockid(3) does.

    Unlike the times in ``/proc``, which count in steps of 10 ms, it counts nanoseconds.
    """
    return ~process_id << 3 | 2


@contextmanager
def postgres() -> Iterator[tuple[Server, str]]:
    """Run PostgreSQL with an empty database; yield both the server and the database's URL."""
    with testing.postgresql.Postgresql(
        **testing_programs(binaries(prefer_installed=True)), postgres_args=POSTGRES_OPTIONS
    ) as server:
        url = server.url()
        yield Server(urlsplit(url).port or 0, psutil.Process(server.server_pid)), url


@contextmanager
def gunicorn(
    application: str,
    database_url: str,
    bss_url: str,
    log: Path,
    *,
    directory: Path = _ROOT,
    python: Path | str = sys.executable,
    config: str = "gunicorn.conf.py",
    **settings: str,
) -> Iterator[Server]:
    """Run an application with gunicorn.

    :param directory: working directory; for a copy of the project, the copy runs.
    :param python: the Python that runs it.
    :param config: the configuration of gunicorn, by default that of the project.
    :param settings: environment variables, in addition to the required ones.
    """
    with reserved_ports(1) as [port]:
        environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "DREAMLAKE_BSS_URL": bss_url,
            "DREAMLAKE_JWT_SECRET": SECRET,
            "PORT": str(port),
            **settings,
        }
        command = [python, "-m", "gunicorn", "--config", config, application]
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{port}/readyz")
            server = Server(port, psutil.Process(process.pid))
            _wait_for_all_workers(server)
            yield server
        except RuntimeError:
            print(log.read_text()[-4_000:], file=sys.stderr)
            raise
        finally:
            process.terminate()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("gunicorn did not start") from None
            time.sleep(0.1)
        else:
            return


def _wait_for_all_workers(server: Server) -> None:
    """Wait for all workers: otherwise the first one would get all early connections."""
    deadline = time.monotonic() + _START_SECONDS
    with ExitStack() as stack:
        while not all(server.connections()):
            if time.monotonic() > deadline:
                raise RuntimeError("a worker of gunicorn does not take connections")
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            time.sleep(0.02)


@dataclass(frozen=True, slots=True)
class FarDatabase:
    """A database with network latency."""

    url: str
    _pipe: Connection

    def roundtrips(self) -> int:
        """Number of roundtrips on the wire so far."""
        self._pipe.send(None)
        return self._pipe.recv()


@contextmanager
def bss(delay: float = 0) -> Iterator[Server]:
    """Run a BSS that redirects every request after this many seconds."""
    with _in_a_process(_serve_bss, delay) as pipe:
        port, process_id = pipe.recv()
        yield Server(port, psutil.Process(process_id))


@contextmanager
def far_away(database_url: str, delay: float) -> Iterator[FarDatabase]:
    """Add this many seconds to each roundtrip to a database."""
    parts = urlsplit(database_url)
    with _in_a_process(_serve_proxy, parts.hostname, parts.port, delay) as pipe:
        netloc = f"{parts.username}@127.0.0.1:{pipe.recv()}"
        yield FarDatabase(parts._replace(netloc=netloc).geturl(), pipe)


@contextmanager
def _in_a_process(serve: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """Call a function in a process, passing one end of a pipe; yield the other end."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, *arguments), daemon=True
    )
    process.start()
    try:
        yield ours
    finally:
        process.terminate()
        process.join()


def _serve_proxy(pipe: Connection, host: str, port: int, delay: float) -> None:
    with WireProxy(host, port, delay=delay) as proxy:
        pipe.send(proxy.port)
        while True:
            pipe.recv()
            pipe.send(proxy.roundtrips)


class _Redirect(asyncio.Protocol):
    _ANSWER = (
        b"HTTP/1.1 302 Found\r\n"
        b"Location: http://127.0.0.1:9000/bucket/key?X-Amz-Signature=0123456789abcdef\r\n"
        b"Content-Length: 0\r\n\r\n"
    )

    def __init__(self, delay: float):
        self._delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            if self._delay:
                loop = asyncio.get_running_loop()
                loop.call_later(self._delay, self._transport.write, self._ANSWER)
            else:
                self._transport.write(self._ANSWER)


def _serve_bss(pipe: Connection, delay: float) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Redirect(delay), "127.0.0.1", 0)
        pipe.send((server.sockets[0].getsockname()[1], os.getpid()))
        await server.serve_forever()

    asyncio.run(serve())
