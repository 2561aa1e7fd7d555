"""The only module that knows psycopg: connections, pools of them, and roundtrips."""

import os
import re
import select
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from math import inf
from time import monotonic, sleep
from typing import Any, Concatenate, NamedTuple, ParamSpec, Self, TypeVar, cast

import orjson
import psycopg
import psycopg.types.string
from psycopg.abc import PQGen
from psycopg.adapt import AdaptersMap, Buffer, Dumper, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import PGconn
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from dreamlake_assets import deadlines, errors, trace
from dreamlake_assets.config import DATABASE_URL_EXAMPLE, SettingsError
from dreamlake_assets.database import sqlstates
from dreamlake_assets.database.outages import Outage
from dreamlake_assets.database.queries import query, query_of_tenant

_TYPED_PLACEHOLDER = re.compile(r"%\((\w+)\)s::(\w+(?:\[\])?)")

P = ParamSpec("P")
R = TypeVar("R")

Connection = psycopg.Connection[tuple[Any, ...]]
Error = psycopg.Error
Parameters = Mapping[str, object]
Row = tuple[Any, ...]

STREAM_CHUNK_ROWS = 1000

#: Seconds between two attempts to get a connection that works.
_RETRY_SECONDS = 0.2

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

#: Prepared when a connection is made, since the first use of a prepared statement costs a
#: roundtrip. What travels in one flight is prepared in that flight.
_HOT_WRITES = (
    "asset/insert",
    "asset/insert_once",
)
_HOT_READS = (
    "asset/list_by_project",
    "asset/list_by_prefix",
    "asset/list_by_glob",
    "asset/list_by_folder_glob",
    "asset/list_by_tag",
    "asset/list_by_created_at",
    "asset/list_by_episode",
    "asset/list_by_episode_prefix",
    "asset/list_by_episode_glob",
    "asset/list_by_episode_folder_glob",
    "asset/list_by_episode_tag",
    "asset/list_by_episode_created_at",
    "asset/find_by_id",
    "asset/find_by_name",
    "asset/find_by_episode_name",
    "namespace/list_by_subject",
)


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


class _AdaptContext:
    """What psycopg takes a connection's adapters from."""

    adapters = _adapters()
    connection = None


class _BoundedConnection(psycopg.Connection[Row]):
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


class PoolState(NamedTuple):
    """What a pool holds at a moment.

    :ivar server: ``primary`` or ``replica``.
    :ivar name: ``requests`` or ``streams``.
    :ivar connections: all of them.
    :ivar available: those that nobody uses.
    :ivar waiting: how many requests wait for one.
    """

    server: str
    name: str
    connections: int
    available: int
    waiting: int


class DeadlinePassed(psycopg.OperationalError):
    """The server did not answer in time."""


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


def _conninfo(url: str, statement_timeout: float) -> str:
    given = conninfo_to_dict(url)
    session = {**_SESSION, "statement_timeout": f"{statement_timeout:g}s"}
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    defaults = {
        "application_name": f"dreamlake_assets worker {os.getpid()}",
        "connect_timeout": deadlines.CONNECT,
    }
    own = {"client_encoding": "utf8", "options": f"{options} {given.get('options') or ''}".strip()}
    return make_conninfo(**{**defaults, **given, **own})


def connect(url: str, *, as_service: bool = False) -> _BoundedConnection:
    """A connection outside the pool, autocommitting, for the command line.

    :param url: the setting DATABASE_URL.
    :param as_service: with the settings of the service's own sessions.
    :raises SettingsError: the URL is bad.
    :raises errors.DatabaseUnavailable: it cannot be made; the message says why.
    """
    check_url("DATABASE_URL", url)
    conninfo = _conninfo(url, deadlines.STREAM) if as_service else url
    try:
        connection = _BoundedConnection.connect(
            conninfo, autocommit=True, context=_AdaptContext(), connect_timeout=5
        )
    except psycopg.OperationalError as error:
        raise errors.DatabaseUnavailable(str(error).strip()) from None
    if as_service:
        _recognise(connection)
    return connection


class _Server:
    """The connections to one server.

    Streams have a pool of their own: a stream holds its connection for as long as its client reads,
    and must not keep registrations waiting.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        connections: int,
        streams: int,
        prepared: bool,
        on_cluster: bool | None,
        hot: Sequence[str],
    ):
        self.name = name
        self._outage = Outage(name)
        self._prepared = prepared
        self._on_cluster = on_cluster
        self._hot = hot
        self.requests = self._pool("requests", url, deadlines.STATEMENT, connections)
        self.streams = self._pool("streams", url, deadlines.STREAM, streams)

    def open(self) -> None:
        self.requests.open()
        self.streams.open()

    def close(self) -> None:
        self.requests.close()
        self.streams.close()

    def _pool(
        self, name: str, url: str, statement_timeout: float, size: int
    ) -> ConnectionPool[_BoundedConnection]:
        streams = name == "streams"
        return ConnectionPool(
            _conninfo(url, statement_timeout),
            connection_class=_BoundedConnection,
            kwargs={"autocommit": True, "context": _AdaptContext(), "outage": self._outage},
            min_size=0 if streams else size,
            max_size=size,
            name=name,
            open=False,
            configure=partial(self._set_up, hot=() if streams else self._hot),
            # Give up at the first failure: whoever waits for a connection has another made, and
            # does not sit out the pool's pauses, which double from a second on.
            reconnect_timeout=0,
        )

    def _set_up(self, connection: _BoundedConnection, hot: Sequence[str]) -> None:
        try:
            self._recognise(connection)
            if hot and self._prepared and not connection.on_cluster:
                _prepare(connection, hot)
        except Exception as error:
            self._outage.failed(error)
            raise
        self._outage.ended()

    def _recognise(self, connection: _BoundedConnection) -> None:
        """Ask once in this process."""
        connection.patience = deadlines.DATABASE
        if not self._prepared:
            # Stronger than prepare=True of a statement; it takes one roundtrip all the same.
            connection.prepare_threshold = None
        self._on_cluster = _recognise(connection, self._on_cluster)


class Database:
    """The connections of one process: to the primary, and to a replica where there is one."""

    def __init__(
        self,
        url: str,
        *,
        read_url: str | None = None,
        connections: int,
        streams: int,
        prepared: bool = True,
        on_cluster: bool | None = None,
    ):
        """Make the pools, still closed.

        :param read_url: of a replica that answers what only reads, as long as it can.
        :param connections: how many requests may use a server at once.
        :param streams: how many unlimited lists may be under way at once.
        :param prepared: whether statements are prepared; a PgBouncer before 1.22 loses them.
        :param on_cluster: whether the database is a Citus cluster; it is asked if this is None.
        """
        server = partial(
            _Server,
            connections=connections,
            streams=streams,
            prepared=prepared,
            on_cluster=on_cluster,
        )
        self._primary = server("primary", url, hot=(*_HOT_WRITES, *_HOT_READS))
        self._replica = server("replica", read_url, hot=_HOT_READS) if read_url else None
        self._away = False
        self._replica_rests_until = 0.0

    def open(self) -> None:
        """Begin to connect; to be called in the process that serves, after the fork."""
        self._primary.open()
        if self._replica is not None:
            self._replica.open()

    def wait(self) -> None:
        """Wait until the connections for requests are made and prepared."""
        self._primary.requests.wait()
        if self._replica is not None:
            self._replica.requests.wait()

    def pools(self) -> Iterator[PoolState]:
        """What each pool holds now; asks no server."""
        for server in filter(None, (self._primary, self._replica)):
            for pool in (server.requests, server.streams):
                stats = pool.get_stats()
                yield PoolState(
                    server.name,
                    pool.name,
                    stats["pool_size"],
                    stats["pool_available"],
                    stats["requests_waiting"],
                )

    def close(self) -> None:
        """Close every connection."""
        self._primary.close()
        if self._replica is not None:
            self._replica.close()

    def run(
        self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run an operation of the store on the primary, and again if its connection is lost.

        It may be run twice because it is either a read or an insert under an id of our own.

        :raises errors.AssetsError: as the operation, or the database is away, slow or full.
        """
        # Where it has been away for so long already, threads that wait for it are missed elsewhere.
        seconds = deadlines.DATABASE_AWAY if self._away else deadlines.DATABASE
        deadline = monotonic() + seconds
        try:
            answer = self._run_until(deadline, operation, *args, **kwargs)
        except errors.DatabaseUnavailable:
            self._away = True
            raise
        self._away = False
        return answer

    def read(
        self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run an operation that only reads: on the replica if that can, else as :meth:`run`.

        :raises errors.AssetsError: as the operation, or the database is away, slow or full.
        """
        replica = self._replica
        if replica is None or monotonic() < self._replica_rests_until:
            return self.run(operation, *args, **kwargs)
        try:
            connection = _take(replica.requests, monotonic() + deadlines.REPLICA)
            try:
                return operation(connection, *args, **kwargs)
            finally:
                replica.requests.putconn(connection)
        except _REPLICA_CANNOT:
            self._replica_rests_until = monotonic() + deadlines.REPLICA_RESTS
            return self.run(operation, *args, **kwargs)

    def probe(self, operation: Callable[[Connection], R]) -> R:
        """Run an operation if the primary is there now: as :meth:`run`, but without its patience.

        :raises errors.AssetsError: as the operation, or the database is away.
        """
        return self._run_until(monotonic() + deadlines.DATABASE_AWAY, operation)

    def _run_until(
        self,
        deadline: float,
        operation: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        pool = self._primary.requests
        pause = 0.0
        while True:
            connection = _take(pool, deadline)
            try:
                return operation(connection, *args, **kwargs)
            except errors.ConnectionLost:
                # It still stands where its server is alive, but no longer the primary.
                connection.close()
                if monotonic() + pause >= deadline:
                    raise
            finally:
                pool.putconn(connection)
            sleep(pause)
            pause = _RETRY_SECONDS

    def stream(
        self,
        operation: Callable[Concatenate[Connection, P], Iterator[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Generator[R, None, None]:
        """Yield what an operation of the store reads; closing the iterator frees the connection.

        :raises errors.AssetsError: as the operation, or the database is away, slow or full.
        """
        replica = self._replica
        if replica is not None and monotonic() >= self._replica_rests_until:
            rows = _streamed(
                replica.streams, deadlines.REPLICA, deadlines.DATABASE, operation, *args, **kwargs
            )
            with closing(rows):
                try:
                    first = list(islice(rows, 1))
                except _REPLICA_CANNOT:
                    self._replica_rests_until = monotonic() + deadlines.REPLICA_RESTS
                else:
                    yield from first
                    yield from rows
                    return
        yield from _streamed(
            self._primary.streams,
            deadlines.DATABASE,
            deadlines.STREAM_ROWS,
            operation,
            *args,
            **kwargs,
        )


#: With what a replica is left for the primary: it is away, behind with the migrations, or had to
#: break off what it read because the primary has cleaned up behind it.
_REPLICA_CANNOT = (errors.DatabaseUnavailable, errors.SchemaBehind, errors.Rollback)


def _streamed(
    pool: ConnectionPool[_BoundedConnection],
    to_connect: float,
    patience: float,
    operation: Callable[Concatenate[Connection, P], Iterator[R]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Generator[R, None, None]:
    """What an operation reads.

    :param to_connect: seconds for a connection.
    :param patience: seconds for the next rows.
    """
    connection = _take(pool, monotonic() + to_connect)
    connection.deadline = monotonic() + deadlines.STREAM
    connection.patience = patience
    try:
        yield from operation(connection, *args, **kwargs)
    finally:
        pool.putconn(connection)


def _take(pool: ConnectionPool[_BoundedConnection], deadline: float) -> _BoundedConnection:
    """A connection that is not known to be dead, with a deadline.

    :raises errors.DatabaseUnavailable: there is none until the deadline.
    """
    while True:
        left = deadline - monotonic()
        try:
            connection = pool.getconn(min(left, _RETRY_SECONDS))
        except PoolTimeout:
            if left <= 0:
                raise errors.DatabaseUnavailable from None
        except PoolClosed:
            raise errors.DatabaseUnavailable from None
        else:
            connection.deadline = deadline
            if _is_alive(connection):
                return connection
            # The pool's own check would pause after the second dead one, for a second and longer.
            connection.close()
            pool.putconn(connection)


def _is_alive(connection: Connection) -> bool:
    """Whether an idle connection may still have its server, found out without asking the server.

    Nothing is expected on it, so what can be read is its end. Costs no roundtrip and sends no byte.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def _prepare(connection: _BoundedConnection, names: Sequence[str]) -> None:
    """Prepare the hot statements, in one roundtrip, by running them for nobody."""
    try:
        with connection.pipeline():
            for name in names:
                nobody = dict.fromkeys(_placeholders(query(name)))
                connection.execute(query(name), nobody, prepare=True)
    except psycopg.ProgrammingError:
        # The schema is behind. /readyz says so, and it can only if it has a connection.
        return


def _recognise(connection: _BoundedConnection, on_cluster: bool | None = None) -> bool:
    """Find out whether the database is a cluster, where it is not known; have it plan for one."""
    if on_cluster is None:
        on_cluster = fetch_one(connection, "cluster/find", {}) == (True,)
    connection.on_cluster = on_cluster
    if on_cluster:
        # By the parameters Citus finds the shard; it has no plan that goes without.
        connection.execute("SET plan_cache_mode = force_custom_plan")
    return on_cluster


def is_cluster(connection: Connection) -> bool:
    """Whether statements have to name their tenant, as ``namespace_id``."""
    return isinstance(connection, _BoundedConnection) and connection.on_cluster


def _statement(name: str, parameters: Parameters) -> bytes:
    return query_of_tenant(name) if "namespace_id" in parameters else query(name)


def _placeholders(statement: bytes) -> set[str]:
    return {name.decode() for name in re.findall(rb"%\((\w+)\)s", statement)}


def fetch_one(connection: Connection, name: str, parameters: Parameters) -> Row | None:
    """The one row that a statement returns, or none. One roundtrip.

    :param name: of the file below ``sql/``, such as ``asset/insert``.
    :raises errors.AssetsError: see :mod:`.sqlstates`.
    """
    try:
        with trace.Roundtrip():
            statement = _statement(name, parameters)
            return connection.execute(statement, parameters, prepare=True).fetchone()
    except psycopg.Error as error:
        raise _translated(error) from error


def fetch_all(connection: Connection, name: str, parameters: Parameters) -> list[Row]:
    """All rows that a statement returns. One roundtrip.

    :raises errors.AssetsError: see :mod:`.sqlstates`.
    """
    try:
        with trace.Roundtrip():
            statement = _statement(name, parameters)
            return connection.execute(statement, parameters, prepare=True).fetchall()
    except psycopg.Error as error:
        raise _translated(error) from error


def stream(connection: Connection, name: str, parameters: Parameters) -> Generator[Row, None, None]:
    """The rows that a statement returns as they come, in constant memory. One roundtrip.

    To be closed before the connection is given back: a statement that was not read to its end is
    canceled then.

    :raises errors.AssetsError: see :mod:`.sqlstates`.
    """
    try:
        rows = cast(
            "Generator[Row, None, None]",
            connection.cursor().stream(
                _statement(name, parameters), parameters, size=STREAM_CHUNK_ROWS
            ),
        )
        with closing(rows):
            with trace.Roundtrip():
                chunk = list(islice(rows, STREAM_CHUNK_ROWS))
            while chunk:
                yield from chunk
                with trace.MoreRows():
                    chunk = list(islice(rows, STREAM_CHUNK_ROWS))
    except psycopg.Error as error:
        raise _translated(error) from error


def one_flight(
    connection: Connection, statements: Sequence[tuple[str, Parameters]]
) -> list[list[Row]]:
    """Run several statements as one transaction in one roundtrip: all of them, or none.

    They are sent together and end with one Sync, up to which PostgreSQL runs them as an implicit
    transaction: no BEGIN and no COMMIT is waited for. None can use what another returned.
    Citus commits each statement on its worker, but for those in a transaction that says so; there,
    BEGIN and COMMIT travel in the same flight.

    :returns: the rows of each statement; known only once the answer to the last one was read.
    :raises errors.AssetsError: see :mod:`.sqlstates`; nothing was written, unless the connection
        was lost (:class:`.errors.ConnectionLost`), when it may have been.
    """
    try:
        with trace.Roundtrip(), connection.pipeline():
            if is_cluster(connection):
                connection.execute("BEGIN")
            cursors = [
                connection.execute(_statement(name, parameters), parameters, prepare=True)
                for name, parameters in statements
            ]
            if is_cluster(connection):
                connection.execute("COMMIT")
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors]
    except psycopg.Error as error:
        raise _translated(error) from error


def explain(connection: Connection, name: str, parameters: Parameters, form: str) -> list[Any]:
    """What EXPLAIN says of a statement that is prepared, run with its parameters, and undone.

    :param form: the option of EXPLAIN that says in which format.
    :returns: a line of text each, or one value where the format is JSON.
    :raises psycopg.Error: the statement fails, or this role may not run it.
    """
    statement = _statement(name, parameters).decode()
    types = dict(_TYPED_PLACEHOLDER.findall(statement))
    for number, parameter in enumerate(types, 1):
        statement = statement.replace(f"%({parameter})s", f"${number}")
    declared = f"({', '.join(types.values())})" if types else ""
    arguments = ", ".join(f"%({parameter})s" for parameter in types)
    with connection.transaction(force_rollback=True):
        connection.execute("DEALLOCATE ALL")
        connection.execute(f"PREPARE explained {declared} AS {statement}".encode())
        # EXECUTE takes literals only, which this cursor makes of parameters.
        rows = psycopg.ClientCursor(connection).execute(
            f"EXPLAIN (ANALYZE, BUFFERS, SETTINGS, {form})"
            f" EXECUTE explained {f'({arguments})' if types else ''}".encode(),
            parameters,
        )
        return [row[0] for row in rows]


def _translated(error: psycopg.Error) -> errors.AssetsError:
    """What an error of the driver means to a client.

    It may be logged as the cause of what is returned. So what PostgreSQL says beside its message
    is taken out of it: the row that was refused, and parameters, may hold what is secret.
    """
    state = error.sqlstate
    if error.diag.message_primary:
        error.args = (f"{state}: {error.diag.message_primary}",)
    if state is not None:
        return sqlstates.meaning(state, error.diag.constraint_name)
    if isinstance(error, DeadlinePassed):
        return errors.DatabaseUnavailable()
    # Where the connection broke, nobody was left to give a state.
    lost = isinstance(error, psycopg.OperationalError)
    return errors.ConnectionLost() if lost else errors.AssetsError()
