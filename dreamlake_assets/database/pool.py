"""The connection pools of one process: for the primary and, if there is one, for a replica."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from threading import Event, Thread
from time import monotonic, sleep
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from psycopg_pool import ConnectionPool

from dreamlake_assets import deadlines, errors
from dreamlake_assets.database.connection import BoundedConnection, Connection
from dreamlake_assets.database.outages import Outage
from dreamlake_assets.database.server import (
    RETRY_SECONDS,
    Server,
    take,
)
from dreamlake_assets.database.sharing import LOOK_SECONDS

P = ParamSpec("P")
R = TypeVar("R")


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
            Server,
            connections=connections,
            streams=streams,
            prepared=prepared,
            on_cluster=on_cluster,
        )
        self._primary = server("primary", url)
        self._replica = server("replica", read_url) if read_url else None
        self._away = False
        self._writing = Outage("primary", "read-only", "writable")
        self._replica_rests_until = 0.0
        self._closing = Event()
        self._sharing = Thread(target=self._share, name="sharing", daemon=True)

    def open(self) -> None:
        """Start to connect. Must be called in the worker process, after the fork."""
        self._primary.open()
        if self._replica is not None:
            self._replica.open()
        self._sharing.start()

    def _share(self) -> None:
        """Give connections back that other workers need, until the pools are closed."""
        while not self._closing.wait(LOOK_SECONDS):
            self._primary.give_back()
            if self._replica is not None:
                self._replica.give_back()

    def wait(self) -> None:
        """Wait until the connections for requests are open."""
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
        self._closing.set()
        if self._sharing.is_alive():
            self._sharing.join()
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
        """Run a writing operation like :meth:`run`, and repeat it if another server takes writes.

        :raises errors.DatabaseReadOnly: the primary takes no writes, or none from this role.
        :raises errors.AssetsError: as :meth:`run`.
        """
        try:
            try:
                result = self.run(operation, *args, **kwargs)
            except errors.DatabaseReadOnly:
                if not self._primary.find_writable():
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
            connection = take(replica.requests, monotonic() + deadlines.REPLICA)
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
            connection = take(pool, deadline)
            try:
                return operation(connection, *args, **kwargs)
            except errors.ConnectionLost:
                connection.close()
                if monotonic() + pause >= deadline:
                    raise
            finally:
                pool.putconn(connection)
            sleep(pause)
            pause = RETRY_SECONDS

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
    connection = take(pool, monotonic() + to_connect)
    connection.deadline = monotonic() + deadlines.STREAM
    connection.patience = patience
    try:
        yield from operation(connection, *args, **kwargs)
    finally:
        pool.putconn(connection)
