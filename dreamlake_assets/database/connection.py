"""Connections to PostgreSQL with a deadline for every wait."""

import os
import re
from contextlib import nullcontext
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
from dreamlake_assets.model import exact_json

if TYPE_CHECKING:
    from dreamlake_assets.database.sharing import Share

R = TypeVar("R")

Row = tuple[Any, ...]
Connection = psycopg.Connection[Row]
Error = psycopg.Error

#: Settings of every session. Statements are written for generic plans and tested with them, so an
#: execution is neither planned again nor compiled by JIT because of a high estimate.
_SESSION = {
    "default_transaction_isolation": "read\\ committed",
    # Plans are cached: one made while a table is small must not scan the whole table later.
    "enable_seqscan": "off",
    # A filter of unknown values seems to match one row, so sorting a whole project seems cheap.
    "enable_sort": "off",
    "enable_incremental_sort": "off",
    "idle_in_transaction_session_timeout": f"{deadlines.STATEMENT:g}s",
    "jit": "off",
    "lock_timeout": f"{deadlines.LOCK:g}s",
    "plan_cache_mode": "force_generic_plan",
}


class _UntypedArray(Dumper):
    """Dumper that sends a list without a type. The cast in the statement sets the type.

    psycopg derives the type from the elements, which takes five times as long.
    """

    def dump(self, obj: list[object]) -> bytes:
        return f"{{{','.join(map(_array_element, obj))}}}".encode()


def _array_element(value: object) -> str:
    if value is None:
        return "NULL"
    return '"{}"'.format(str(value).replace("\\", "\\\\").replace('"', '\\"'))


class _JsonText(Loader):
    """Loader that passes the text of PostgreSQL to the response as JSON, without parsing it.

    PostgreSQL writes the shortest text that has the value of a float, so 30 has no fraction. For a
    page of 100 videos, this takes 15 microseconds more than psycopg's own loader, which makes 30.0.
    """

    def load(self, data: Buffer) -> orjson.Fragment:
        return orjson.Fragment(bytes(data))


class _Jsonb(Loader):
    """JSON whose numbers are about as long as they were sent."""

    def load(self, data: Buffer) -> orjson.Fragment:
        return orjson.Fragment(exact_json.shortened(bytes(data)))


def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    adapters.register_dumper(list, _UntypedArray)
    # Ids are only copied to responses, so they stay text.
    adapters.register_loader("uuid", psycopg.types.string.TextLoader)
    adapters.register_loader("jsonb", _Jsonb)
    adapters.register_loader("float8", _JsonText)
    return adapters


class AdaptContext:
    """The adapters of a connection, in the form of ``psycopg.abc.AdaptContext``."""

    adapters = _adapters()
    connection = None


class DeadlinePassed(psycopg.OperationalError):
    """The server did not respond before the deadline."""


class BoundedConnection(psycopg.Connection[Row]):
    """A connection on which every wait has a deadline.

    TCP does not detect a suspended server, because its kernel keeps acknowledging packets. psycopg
    waits for the server in :meth:`wait` only, so the limit is enforced there.

    :ivar deadline: end of the current operation, on the clock of ``time.monotonic``.
    :ivar patience: longest single wait, in seconds.
    :ivar on_cluster: whether the server is the coordinator of a Citus cluster.
    :ivar prepares: whether :mod:`.flights` prepares statements on it.
    :ivar given_back: whether it was closed for the sake of another pool.
    """

    deadline: float = inf
    patience: float = inf
    on_cluster: bool = False
    prepares: bool = True
    given_back: bool = False

    @classmethod
    def connect(cls, conninfo: str = "", **options: Any) -> Self:
        """Connect to the server.

        :param options: options of psycopg, and ``share``, the share of the pool that connects.
        :raises psycopg.OperationalError: the connection failed, or it is postponed.
        """
        share: Share | None = options.pop("share", None)
        with nullcontext() if share is None else share.connecting():
            # psycopg must prepare nothing: it then deallocates all statements after each ROLLBACK.
            return super().connect(conninfo, prepare_threshold=None, **options)

    def wait(self, gen: PQGen[R], interval: float = 0.1, timeout: float | None = None) -> R:
        """Wait for the server.

        :param interval: seconds between two checks for a signal such as Ctrl-C.
        :param timeout: seconds; by default ``patience``, but not beyond ``deadline``.
        :raises DeadlinePassed: the server did not respond in time. The connection is closed.
        """
        if timeout is None:
            timeout = max(0.0, min(self.patience, self.deadline - monotonic()))
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001  (it has no public name)
            # A cancel request would need the server, and the result is no longer wanted.
            self.pgconn.finish()
            raise DeadlinePassed from None


_QUOTED = re.compile('".*"', re.DOTALL)

#: The part of a URL before its host, as libpq parses it. User and password end at the first ``@``;
#: a ``/`` before that ``@`` means that there are none.
_TO_HOST = re.compile("postgres(?:ql)?://(?:[^@/]*@)?")


def check_url(setting: str, url: str) -> None:
    """Refuse a URL that libpq cannot parse.

    :param setting: name of the setting that holds the URL.
    :raises SettingsError: the URL is invalid. The message does not quote it, because the invalid
        part may be the password.
    """
    try:
        _check_url(url)
    except ValueError as error:
        raise SettingsError(
            f"{setting} is invalid: {error}; use a URL such as {DATABASE_URL_EXAMPLE}"
        ) from None


def _check_url(url: str) -> None:
    if not url.isprintable():
        raise ValueError("percent-encode control characters, such as a line break as %0A")
    to_host = _TO_HOST.match(url)
    if to_host and "@" in url[to_host.end() :].partition("?")[0]:
        # libpq would take a part of the password for a host or a database, and quote it.
        raise ValueError("percent-encode @ and / in the password, as %40 and %2F")
    try:
        parameters = conninfo_to_dict(url)
        hosts = str(parameters.get("host") or parameters.get("hostaddr") or "").split(",")
        # libpq checks a port or an sslmode when it connects, so connect to sockets that do not
        # exist. The errors about them are expected.
        nowhere = {**parameters, "hostaddr": None, "host": ",".join("/" for _ in hosts)}
        messages = PGconn.connect_start(make_conninfo(**nowhere).encode()).get_error_message()
    except psycopg.ProgrammingError as error:
        messages = str(error).strip()
    for line in messages.splitlines():
        if '"//.s.PGSQL.' not in line and not line.startswith("\t"):
            raise ValueError(_QUOTED.sub("…", line))


def conninfo(url: str, statement_timeout: float) -> str:
    """Return the connection string of a session of the service, with the settings of the session.

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
    """Open a connection outside the pool, in autocommit mode, for the command line.

    :param url: value of the setting DATABASE_URL.
    :param as_service: use the session settings of the service.
    :raises SettingsError: the URL is invalid.
    :raises errors.DatabaseUnavailable: the connection failed; the message gives the reason.
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
        adapt_to_cluster(connection)
    return connection


def adapt_to_cluster(connection: BoundedConnection, on_cluster: bool | None = None) -> bool:
    """Adapt the session to a Citus cluster, if the database is one.

    :param on_cluster: whether it is one; None asks the database, in one roundtrip.
    :returns: whether it is one.
    """
    if on_cluster is None:
        on_cluster = connection.execute(query("cluster/find")).fetchone() == (True,)
    connection.on_cluster = on_cluster
    if on_cluster:
        # Citus selects the shard by the parameters, so it has no generic plan.
        connection.execute("SET plan_cache_mode = force_custom_plan")
    return on_cluster


def is_cluster(connection: Connection) -> bool:
    """Return whether statements must name their tenant in the parameter ``namespace_id``."""
    return isinstance(connection, BoundedConnection) and connection.on_cluster
