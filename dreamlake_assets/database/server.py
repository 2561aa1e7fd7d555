"""The connection pools of one server."""

import select
from functools import partial
from threading import Lock
from time import monotonic

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
from dreamlake_assets.database.sharing import Share
from dreamlake_assets.database.statements import takes_writes

#: Seconds between two attempts to get a working connection.
RETRY_SECONDS = 0.2


class Server:
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
    ):
        self.name = name
        self._outage = Outage(name, "unreachable", "reachable")
        self._url = url
        self._checking = Lock()
        self._next_check = 0.0
        self._is_writable = False
        self._prepared = prepared
        self._on_cluster = on_cluster
        self._wanted = connections + streams
        self._shares: list[tuple[ConnectionPool[BoundedConnection], Share]] = []
        self.requests = self._pool("requests", url, deadlines.STATEMENT, connections)
        self.streams = self._pool("streams", url, deadlines.STREAM, streams)

    def open(self) -> None:
        """Start connecting, in the process that serves, after the fork."""
        self.requests.open()
        self.streams.open()

    def close(self) -> None:
        """Close every connection."""
        self.requests.close()
        self.streams.close()

    def _pool(
        self, name: str, url: str, statement_timeout: float, size: int
    ) -> ConnectionPool[BoundedConnection]:
        streams = name == "streams"
        share = Share(self.name, streams=streams, wanted=self._wanted, outage=self._outage)
        pool = ConnectionPool(
            conninfo(url, statement_timeout),
            connection_class=BoundedConnection,
            kwargs={"autocommit": True, "context": AdaptContext(), "share": share},
            min_size=0 if streams else size,
            max_size=size,
            name=name,
            open=False,
            configure=partial(self._set_up, share=share),
            # Give up after the first failure. Each request that waits for a connection starts a new
            # attempt, instead of waiting out the pauses of the pool, which start at one second and
            # double.
            reconnect_timeout=0,
        )
        self._shares.append((pool, share))
        return pool

    def give_back(self) -> None:
        """Close connections that the pools of other workers need; see :mod:`.sharing`."""
        for pool, share in self._shares:
            share.give_back(pool)

    def find_writable(self) -> bool:
        """Check, at most once a second, whether a new connection takes writes.

        After a failover the URL may lead to the promoted replica while the connections of the pool
        still lead to the former primary. The pool then replaces all of them.

        :returns: the result of the last check.
        """
        with self._checking:
            if monotonic() >= self._next_check:
                self._is_writable = self._check_writable()
                self._next_check = monotonic() + deadlines.WRITE_CHECK
                if self._is_writable:
                    self.requests.drain()
            return self._is_writable

    def _check_writable(self) -> bool:
        try:
            with BoundedConnection.connect(
                conninfo(self._url, deadlines.LOCK), autocommit=True, context=AdaptContext()
            ) as connection:
                connection.patience = deadlines.LOCK
                return takes_writes(connection)
        except (psycopg.Error, errors.AssetsError):
            return False

    def _set_up(self, connection: BoundedConnection, *, share: Share) -> None:
        try:
            self._adapt_to_cluster(connection)
        except Exception as error:
            self._outage.failed(error)
            raise
        self._outage.ended()
        share.add(connection)

    def _adapt_to_cluster(self, connection: BoundedConnection) -> None:
        """Adapt a session to a Citus cluster. Only the first one asks the database."""
        connection.patience = deadlines.DATABASE
        connection.prepares = self._prepared
        self._on_cluster = adapt_to_cluster(connection, self._on_cluster)


def take(pool: ConnectionPool[BoundedConnection], deadline: float) -> BoundedConnection:
    """Take a live connection from a pool, and set its deadline.

    :raises errors.DatabaseUnavailable: no connection is available before the deadline.
    """
    while True:
        left = deadline - monotonic()
        try:
            connection = pool.getconn(min(left, RETRY_SECONDS))
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
