"""The connection pools of one process, for the primary and for a replica."""

import select
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from threading import Lock
from time import monotonic, sleep
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from dreamlake_assets import deadlines, errors
from dreamlake_assets.database.connection import (
    AdaptContext,
    BoundedConnection,
    Connection,
    adapt_to_cluster,
    conninfo,
)
from dreamlake_assets.database.outages import Outage
from dreamlake_assets.database.statements import prepare, takes_writes

P = ParamSpec("P")
R = TypeVar("R")

#: Seconds between two attempts to get a working connection.
_RETRY_SECONDS = 0.2

#: Statements to prepare on a new connection, because the first use of a prepared statement costs an
#: additional roundtrip. Statements that are sent in one flight are prepared in that flight.
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


class PoolState(NamedTuple):
    """A snapshot of a pool.

    :ivar server: ``primary`` or ``replica``.
    :ivar name: ``requests`` or ``streams``.
    :ivar connections: number of open connections.
    :ivar available: number of idle connections.
    :ivar waiting: number of requests that wait for a connection.
    """

    server: str
    name: str
    connections: int
    available: int
    waiting: int


class _Server:
    """The pools of one server: one for requests, and one for streams.

    A stream holds its connection while its client reads. The separate pool keeps streams from
    delaying registrations.
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
        hot: Sequence[Sequence[str]],
    ):
        self.name = name
        self._outage = Outage(f"the {name} is unreachable", f"the {name} is reachable again")
        self._url = url
        self._looking = Lock()
        self._next_look = 0.0
        self._takes_writes = False
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
    ) -> ConnectionPool[BoundedConnection]:
        streams = name == "streams"
        return ConnectionPool(
            conninfo(url, statement_timeout),
            connection_class=BoundedConnection,
            kwargs={"autocommit": True, "context": AdaptContext(), "outage": self._outage},
            min_size=0 if streams else size,
            max_size=size,
            name=name,
            open=False,
            configure=partial(self._set_up, hot=() if streams else self._hot),
            # Give up after the first failure. Each request that waits for a connection starts a new
            # attempt, instead of waiting out the pauses of the pool, which start at one second and
            # double.
            reconnect_timeout=0,
        )

    def leads_to_writable(self) -> bool:
        """Look, once a second, whether a new connection takes writes where the pool's take none.

        After a failover the URL may lead to the promoted replica while the connections of the pool
        still lead to the former primary. They are replaced then.
        """
        with self._looking:
            if monotonic() >= self._next_look:
                self._takes_writes = self._look()
                self._next_look = monotonic() + deadlines.READ_ONLY_LOOK
                if self._takes_writes:
                    self.requests.drain()
            return self._takes_writes

    def _look(self) -> bool:
        try:
            with BoundedConnection.connect(
                conninfo(self._url, deadlines.LOCK), autocommit=True, context=AdaptContext()
            ) as connection:
                connection.patience = deadlines.LOCK
                return takes_writes(connection)
        except (psycopg.Error, errors.AssetsError):
            return False

    def _set_up(self, connection: BoundedConnection, hot: Sequence[Sequence[str]]) -> None:
        try:
            self._adapt_to_cluster(connection)
            if self._prepared and not connection.on_cluster:
                for names in hot:
                    prepare(connection, names)
        except Exception as error:
            self._outage.failed(error)
            raise
        self._outage.ended()

    def _adapt_to_cluster(self, connection: BoundedConnection) -> None:
        """Adapt a session to a Citus cluster. Only the first one asks the database."""
        connection.patience = deadlines.DATABASE
        if not self._prepared:
            # None overrides prepare=True. An unprepared statement takes one roundtrip, too.
            connection.prepare_threshold = None
        self._on_cluster = adapt_to_cluster(connection, self._on_cluster)


class Database:
    """The connection pools of one process: for the primary and, if there is one, for a replica."""

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
        """Create the pools without opening them.

        :param url: URL of the primary.
        :param read_url: URL of a replica that serves reads while it is available.
        :param connections: maximum number of concurrent requests on a server.
        :param streams: maximum number of concurrent streams on a server.
        :param prepared: whether to prepare statements. PgBouncer before 1.22 loses them.
        :param on_cluster: whether the database is a Citus cluster; None asks the database.
        """
        server = partial(
            _Server,
            connections=connections,
            streams=streams,
            prepared=prepared,
            on_cluster=on_cluster,
        )
        self._primary = server("primary", url, hot=(_HOT_READS, _HOT_WRITES))
        self._replica = server("replica", read_url, hot=(_HOT_READS,)) if read_url else None
        self._away = False
        self._writing = Outage("the primary takes no writes", "the primary takes writes again")
        self._replica_rests_until = 0.0

    def open(self) -> None:
        """Start to connect. Must be called in the worker process, after the fork."""
        self._primary.open()
        if self._replica is not None:
            self._replica.open()

    def wait(self) -> None:
        """Wait until the connections for requests are open and their statements prepared."""
        self._primary.requests.wait()
        if self._replica is not None:
            self._replica.requests.wait()

    def pools(self) -> Iterator[PoolState]:
        """Yield the state of each pool, without a request to a server."""
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
        """Close all connections."""
        self._primary.close()
        if self._replica is not None:
            self._replica.close()

    def run(
        self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run an operation of the store on the primary, and again if its connection is lost.

        An operation is safe to repeat: it is a read, or an insert under an id that the service
        chose.

        :raises errors.AssetsError: the operation fails, or the database is unreachable, slow or
            full.
        """
        # Once the database is known to be away, wait briefly: other requests need the threads.
        seconds = deadlines.DATABASE_AWAY if self._away else deadlines.DATABASE
        deadline = monotonic() + seconds
        try:
            result = self._run_until(deadline, operation, *args, **kwargs)
        except errors.DatabaseUnavailable:
            self._away = True
            raise
        self._away = False
        return result

    def write(
        self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run an operation that writes: as :meth:`run`, and again if another server takes writes.

        :raises errors.DatabaseReadOnly: the primary takes no writes, or none of this role.
        :raises errors.AssetsError: as :meth:`run`.
        """
        try:
            try:
                result = self.run(operation, *args, **kwargs)
            except errors.DatabaseReadOnly:
                if not self._primary.leads_to_writable():
                    raise
                result = self.run(operation, *args, **kwargs)
        except (errors.DatabaseReadOnly, errors.NotPermitted) as error:
            self._writing.failed(error.__cause__ or error)
            raise errors.DatabaseReadOnly from error
        self._writing.ended()
        return result

    def read(
        self, operation: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a read-only operation on the replica, or on the primary if the replica fails.

        :raises errors.AssetsError: as for :meth:`run`.
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
        except _REPLICA_ERRORS:
            self._replica_rests_until = monotonic() + deadlines.REPLICA_RESTS
            return self.run(operation, *args, **kwargs)

    def probe(self, operation: Callable[[Connection], R]) -> R:
        """Run an operation on the primary, and wait only ``DATABASE_AWAY`` seconds for it.

        :raises errors.AssetsError: as for :meth:`run`.
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
        """Yield the results of a read-only operation. Closing the iterator frees the connection.

        The primary takes over if the replica fails before the first result.

        :raises errors.AssetsError: as for :meth:`run`.
        """
        replica = self._replica
        if replica is not None and monotonic() >= self._replica_rests_until:
            rows = _streamed(
                replica.streams, deadlines.REPLICA, deadlines.DATABASE, operation, *args, **kwargs
            )
            with closing(rows):
                try:
                    first = list(islice(rows, 1))
                except _REPLICA_ERRORS:
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


#: Errors of a replica after which the primary is used. The replica is unreachable, lacks a
#: migration, or canceled the statement because the primary removed rows that it still read.
_REPLICA_ERRORS = (errors.DatabaseUnavailable, errors.SchemaBehind, errors.Rollback)


def _streamed(
    pool: ConnectionPool[BoundedConnection],
    to_connect: float,
    patience: float,
    operation: Callable[Concatenate[Connection, P], Iterator[R]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Generator[R, None, None]:
    """Yield the results of an operation on a connection of a pool.

    :param to_connect: seconds to wait for a connection.
    :param patience: seconds to wait for the next rows.
    """
    connection = _take(pool, monotonic() + to_connect)
    connection.deadline = monotonic() + deadlines.STREAM
    connection.patience = patience
    try:
        yield from operation(connection, *args, **kwargs)
    finally:
        pool.putconn(connection)


def _take(pool: ConnectionPool[BoundedConnection], deadline: float) -> BoundedConnection:
    """Take a live connection from a pool, and set its deadline.

    :raises errors.DatabaseUnavailable: no connection is available before the deadline.
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
            # The check of the pool itself pauses for a second or more after two dead connections.
            connection.close()
            pool.putconn(connection)


def _is_alive(connection: Connection) -> bool:
    """Return whether an idle connection is still open, without a request to the server.

    The server sends nothing on an idle connection, so a readable socket means that the connection
    is closed. The check sends no byte and costs no roundtrip.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)
