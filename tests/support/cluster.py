"""PostgreSQL servers that tests can kill, freeze, promote and restart."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg

from dreamlake_assets.local.postgres import (
    binaries,
    lend,
    process_options,
    testing_programs,
    unprivileged_user,
)
from dreamlake_assets.local.processes import free_port
from tests.support.waiting import until

_START_SECONDS = 60.0
_DATABASE = "postgres"


class PostgresServer:
    """A server with its own directory, always on the same port of 127.0.0.1.

    It flushes every commit, like a production server.
    """

    def __init__(self, directory: Path, *options: str):
        """Describe a server; :meth:`initialise` or :meth:`copy` makes its directory.

        :param options: settings, such as ``max_connections=200``.
        """
        self.directory = directory
        self.port = free_port()
        self.options = options
        self._process: psutil.Popen | None = None

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{_DATABASE}"

    def initialise(self) -> None:
        """Create an empty cluster."""
        self.directory.mkdir(mode=0o700)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        _run([_programs()["initdb"], "-D", str(self.directory), *options])

    def copy(self, primary: "PostgresServer") -> None:
        """Create a standby that streams from a primary."""
        self.directory.mkdir(mode=0o700)
        user = unprivileged_user()
        if user is not None:
            lend(self.directory, user)
        program = binaries(prefer_installed=True) / "pg_basebackup"
        source = f"{primary.url}?application_name={self.directory.name}"
        options = ["-c", "fast", "-X", "stream", "-R", "--no-sync"]
        _run([str(program), "-D", str(self.directory), "-d", source, *options], **process_options())

    def start(self) -> None:
        """Start, and wait until the server accepts connections."""
        settings = ["max_connections=200", "logging_collector=off", "wal_keep_size=1GB"]
        command = [_programs()["postgres"], "-D", str(self.directory), "-k", ""]
        command += ["-h", "127.0.0.1", "-p", str(self.port)]
        for setting in (*settings, *self.options):
            command += ["-c", setting]
        with (self.directory.parent / f"{self.directory.name}.log").open("ab") as log:
            self._process = psutil.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        until(self._is_up, _START_SECONDS)

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "PostgreSQL did not start"
        return self.accepts_connections()

    def accepts_connections(self) -> bool:
        """Whether a client can connect."""
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def processes(self) -> list[psutil.Process]:
        """All processes of the server, the postmaster first."""
        if self._process is None or not self._process.is_running():
            return []
        return [self._process, *self._process.children(recursive=True)]

    def kill(self) -> None:
        """End every process with SIGKILL, as the kernel does when memory runs out."""
        processes = self.processes()
        for process in processes:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(processes)
        if self._process is not None:
            self._process.wait()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Shut down, and wait until the server has stopped.

        :param how: SIGTERM waits for clients, SIGINT disconnects them, SIGQUIT needs recovery.
        """
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait()

    def freeze(self) -> None:
        """Suspend every process. The kernel still acknowledges the packets it receives."""
        for process in self.processes():
            _signal(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume every process."""
        for process in self.processes():
            _signal(process, signal.SIGCONT)

    def promote(self) -> None:
        """Promote a standby to primary."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def set_read_only(self, value: str) -> None:
        """Set default_transaction_read_only to ``on`` or ``off``, also for open sessions."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            statement = f"ALTER SYSTEM SET default_transaction_read_only = {value}"
            connection.execute(statement.encode())
            connection.execute("SELECT pg_reload_conf()")

    def query(self, statement: str) -> list[tuple]:
        """Run a statement and return its rows."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()


@contextmanager
def running_postgres(*options: str) -> Iterator[PostgresServer]:
    """A running server; it is removed at the end, whatever its state."""
    with _directory() as directory:
        server = PostgresServer(directory / "primary", *options)
        server.initialise()
        with _running(server):
            yield server


@contextmanager
def running_standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    """A running standby that streams from a primary."""
    with _directory() as directory:
        server = PostgresServer(directory / "standby")
        server.copy(primary)
        with _running(server):
            yield server


@contextmanager
def _running(server: PostgresServer) -> Iterator[None]:
    server.start()
    try:
        yield
    finally:
        server.kill()


@contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="dreamlake-cluster-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def _programs() -> dict[str, str]:
    return testing_programs(binaries(prefer_installed=True))


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _run(command: list[str], **options: object) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
