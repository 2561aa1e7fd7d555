"""Connections to PostgreSQL on which nothing waits for ever."""

import os
import re
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Self, TypeVar

import orjson
import psycopg
import psycopg.types.string
from psycopg.abc import PQGen
from psycopg.adapt import AdaptersMap, Buffer, Dumper, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import PGconn

from dreamlake_assets import deadlines, errors
from dreamlake_assets.config import DATABASE_URL_EXAMPLE, SettingsError
from dreamlake_assets.database.queries import query

if TYPE_CHECKING:
    from dreamlake_assets.database.outages import Outage

R = TypeVar("R")

Row = tuple[Any, ...]
Connection = psycopg.Connection[Row]
Error = psycopg.Error

#: Settings of every session. Statements are written for generic plans and tested with them: no
#: execution is planned anew, and none is compiled by JIT because its estimate is high.
_SESSION = {
    "default_transaction_isolation": "read\\ committed",
    # A plan is kept; one that was made while a table was small must not read all of it.
    "enable_seqscan": "off",
    "idle_in_transaction_session_timeout": f"{deadlines.STATEMENT:g}s",
    "jit": "off",
    "lock_timeout": f"{deadlines.LOCK:g}s",
    "plan_cache_mode": "force_generic_plan",
}


class _UntypedNumber(Dumper):
    """A number without a type of its own; the cast in the statement gives it one.

    psycopg would send 1 as int2 and 100000 as int4, and PostgreSQL would prepare a statement each.
    """

    def dump(self, obj: float) -> bytes:
        return repr(obj).encode()


class _StoredJson(Loader):
    """JSON as it is stored: it goes into the answer without being read."""

    def load(self, data: Buffer) -> orjson.Fragment:
        return orjson.Fragment(bytes(data))


def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_dumper(int, _UntypedNumber)
    adapters.register_dumper(float, _UntypedNumber)
    # An id is text to the service: it goes into the answer as it came.
    adapters.register_loader("uuid", psycopg.types.string.TextLoader)
    adapters.register_loader("jsonb", _StoredJson)
    return adapters


class AdaptContext:
    """What psycopg takes a connection's adapters from."""

    adapters = _adapters()
    connection = None


class DeadlinePassed(psycopg.OperationalError):
    """The server did not answer in time."""


class BoundedConnection(psycopg.Connection[Row]):
    """A connection on which nothing waits for ever.

    A server that was stopped is not noticed by TCP: its kernel goes on acknowledging. This class
    has the one place in which psycopg waits for a server.

    :ivar deadline: of what is under way, on the clock of ``time.monotonic``.
    :ivar patience: seconds that a single wait may take.
    :ivar on_cluster: whether its server is the coordinator of a Citus cluster.
    """

    deadline: float = inf
    patience: float = inf
    on_cluster: bool = False

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:
        """Connect.

        :param options: those of psycopg, and ``outage``, which is told where it fails.
        :raises psycopg.OperationalError: there is no connection.
        """
        outage: Outage | None = options.pop("outage", None)
        try:
            return super().connect(conninfo, **options)
        except Exception as error:
            if outage is not None:
                outage.failed(error)
            raise

    def wait(self, gen: PQGen[R], interval: float = 0.1, timeout: float | None = None) -> R:
        """Wait for the server.

        :raises DeadlinePassed: it did not answer in time. The connection is closed.
        """
        if timeout is None:
            timeout = max(0.0, min(self.patience, self.deadline - monotonic()))
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001  (it has no other name)
            # No cancel: it would need the server, and nobody waits for the answer any more.
            self.pgconn.finish()
            raise DeadlinePassed from None


_QUOTED = re.compile('".*"', re.DOTALL)

#: A URL as libpq reads it, up to its host: who connects ends at the first ``@``, unless ``/`` is
#: before that.
_TO_HOST = re.compile("postgres(?:ql)?://(?:[^@/]*@)?")


def check_url(setting: str, url: str) -> None:
    """Refuse a URL that libpq does not understand.

    :param setting: the name of the setting that holds the URL.
    :raises SettingsError: never quotes the URL, whose faulty part may be its password.
    """
    try:
        _check_url(url)
    except ValueError as error:
        raise SettingsError(
            f"{setting} is bad: {error}; give one such as {DATABASE_URL_EXAMPLE}"
        ) from None


def _check_url(url: str) -> None:
    if not url.isprintable():
        raise ValueError("write line breaks and other control characters as %0A and so on")
    to_host = _TO_HOST.match(url)
    if to_host and "@" in url[to_host.end() :].partition("?")[0]:
        # Of such a password, libpq would take a part for a host or a database, and name it.
        raise ValueError("write @ and / of a password as %40 and %2F")
    try:
        given = conninfo_to_dict(url)
        hosts = str(given.get("host") or given.get("hostaddr") or "").split(",")
        # libpq looks at a port or an sslmode when it connects: here to sockets that are not there.
        nowhere = {**given, "hostaddr": None, "host": ",".join("/" for _ in hosts)}
        said = PGconn.connect_start(make_conninfo(**nowhere).encode()).get_error_message()
    except psycopg.ProgrammingError as error:
        said = str(error).strip()
    for line in said.splitlines():
        if '"//.s.PGSQL.' not in line and not line.startswith("\t"):
            raise ValueError(_QUOTED.sub("…", line))


def conninfo(url: str, statement_timeout: float) -> str:
    """The parameters of a connection of the service, with the settings of its session.

    :param statement_timeout: seconds.
    """
    given = conninfo_to_dict(url)
    session = {**_SESSION, "statement_timeout": f"{statement_timeout:g}s"}
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    defaults = {
        "application_name": f"dreamlake_assets worker {os.getpid()}",
        "connect_timeout": deadlines.CONNECT,
    }
    own = {"client_encoding": "utf8", "options": f"{options} {given.get('options') or ''}".strip()}
    return make_conninfo(**{**defaults, **given, **own})


def connect(url: str, *, as_service: bool = False) -> BoundedConnection:
    """A connection outside the pool, autocommitting, for the command line.

    :param url: the setting DATABASE_URL.
    :param as_service: with the settings of the service's own sessions.
    :raises SettingsError: the URL is bad.
    :raises errors.DatabaseUnavailable: it cannot be made; the message says why.
    """
    check_url("DATABASE_URL", url)
    try:
        connection = BoundedConnection.connect(
            conninfo(url, deadlines.STREAM) if as_service else url,
            autocommit=True,
            context=AdaptContext(),
            connect_timeout=5,
        )
    except psycopg.OperationalError as error:
        raise errors.DatabaseUnavailable(str(error).strip()) from None
    if as_service:
        recognise(connection)
    return connection


def recognise(connection: BoundedConnection, on_cluster: bool | None = None) -> bool:
    """Find out whether the database is a cluster, where it is not known; have it plan for one."""
    if on_cluster is None:
        on_cluster = connection.execute(query("cluster/find")).fetchone() == (True,)
    connection.on_cluster = on_cluster
    if on_cluster:
        # By the parameters Citus finds the shard; it has no plan that goes without.
        connection.execute("SET plan_cache_mode = force_custom_plan")
    return on_cluster


def is_cluster(connection: Connection) -> bool:
    """Whether statements have to name their tenant, as ``namespace_id``."""
    return isinstance(connection, BoundedConnection) and connection.on_cluster
