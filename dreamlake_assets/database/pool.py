"""The pools of connections of one process, to the primary and to a replica."""

import select
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from time import monotonic, sleep
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from dreamlake_assets import deadlines, errors
from dreamlake_assets.database.connection import (
    AdaptContext,
    BoundedConnection,
    Connection,
    conninfo,
    recognise,
)
from dreamlake_assets.database.outages import Outage
from dreamlake_assets.database.statements import prepare

P = ParamSpec("P")
R = TypeVar("R")

#: Seconds between two attempts to get a connection that works.
_RETRY_SECONDS = 0.2

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
            # Give up at the first failure: whoever waits for a connection has another made, and
            # does not sit out the pool's pauses, which double from a second on.
            reconnect_timeout=0,
        )

    def _set_up(self, connection: BoundedConnection, hot: Sequence[str]) -> None:
        try:
            self._recognise(connection)
            if hot and self._prepared and not connection.on_cluster:
                prepare(connection, hot)
        except Exception as error:
            self._outage.failed(error)
            raise
        self._outage.ended()

    def _recognise(self, connection: BoundedConnection) -> None:
        """Ask once in this process."""
        connection.patience = deadlines.DATABASE
        if not self._prepared:
            # Stronger than prepare=True of a statement; it takes one roundtrip all the same.
            connection.prepare_threshold = None
        self._on_cluster = recognise(connection, self._on_cluster)


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
    pool: ConnectionPool[BoundedConnection],
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


def _take(pool: ConnectionPool[BoundedConnection], deadline: float) -> BoundedConnection:
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
