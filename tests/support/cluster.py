"""PostgreSQL servers that can be broken: killed, frozen, promoted, and started again."""

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
    """A server in a directory of its own, always on the same port of 127.0.0.1.

    It flushes every commit, as a server does that matters.
    """

    def __init__(self, directory: Path, *options: str):
        """Name a server; :meth:`initialise` or :meth:`copy` makes its directory.

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
        """Make an empty cluster."""
        self.directory.mkdir(mode=0o700)
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
        _run([_programs()["initdb"], "-D", str(self.directory), *options])

    def copy(self, primary: "PostgresServer") -> None:
        """Make a standby that streams from a primary."""
        self.directory.mkdir(mode=0o700)
        user = unprivileged_user()
        if user is not None:
            lend(self.directory, user)
        program = binaries(prefer_installed=True) / "pg_basebackup"
        source = f"{primary.url}?application_name={self.directory.name}"
        options = ["-c", "fast", "-X", "stream", "-R", "--no-sync"]
        _run([str(program), "-D", str(self.directory), "-d", source, *options], **process_options())

    def start(self) -> None:
        """Start, and wait until connections are taken."""
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
        """All that belong to it, the first one first."""
        if self._process is None or not self._process.is_running():
            return []
        return [self._process, *self._process.children(recursive=True)]

    def kill(self) -> None:
        """End every process with SIGKILL, as the machine does when it runs out of memory."""
        processes = self.processes()
        for process in processes:
            _signal(process, signal.SIGKILL)
        psutil.wait_procs(processes)
        if self._process is not None:
            self._process.wait()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Shut down, and wait for the end.

        :param how: SIGTERM waits for clients, SIGINT disconnects them, SIGQUIT leaves a recovery.
        """
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait()

    def freeze(self) -> None:
        """Stop every process where it is. The kernel still acknowledges what it is sent."""
        for process in self.processes():
            _signal(process, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let every process go on."""
        for process in self.processes():
            _signal(process, signal.SIGCONT)

    def promote(self) -> None:
        """Make a standby the primary."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SELECT pg_promote()")

    def set_read_only(self, value: str) -> None:
        """Set default_transaction_read_only to ``on`` or ``off``, for open sessions, too."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            statement = f"ALTER SYSTEM SET default_transaction_read_only = {value}"
            connection.execute(statement.encode())
            connection.execute("SELECT pg_reload_conf()")

    def query(self, statement: str) -> list[tuple]:
        """The rows of a statement."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement.encode()).fetchall()


@contextmanager
def running_postgres(*options: str) -> Iterator[PostgresServer]:
    """A server that is up; it is gone at the end, in whatever state it is."""
    with _directory() as directory:
        server = PostgresServer(directory / "primary", *options)
        server.initialise()
        with _running(server):
            yield server


@contextmanager
def running_standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    """A server that streams from another one."""
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
