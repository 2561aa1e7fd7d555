"""Share connections between the workers of a machine when the server refuses further ones.

A role, a database or a server may allow fewer connections than the pools of all workers want. The
first worker would then keep all of them, and the others would respond with 503. A pool that is
refused a connection therefore announces in shared memory how many it has, and a pool that has more
closes one of its own.
"""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.sharedctypes import RawArray
from threading import Lock
from time import monotonic
from weakref import WeakSet

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from dreamlake_assets.database.connection import BoundedConnection
from dreamlake_assets.database.outages import Outage

#: Seconds between two looks at the announcements.
LOOK_SECONDS = 0.25
#: Seconds for which an announcement counts.
_FRESH_SECONDS = 1.0

#: Seconds until a pool tries again to get a connection: with other connections, and without.
_GROW_SECONDS = 5.0
_RETRY_SECONDS = 0.2
#: Seconds for which a pool keeps its only connection, and for which it then waits for the next one.
_TURN_SECONDS = 0.5

#: Seconds between two log messages, whichever worker writes them.
_LOG_SECONDS = 3600.0

#: Matches the messages of PostgreSQL and PgBouncer for a refused connection, because libpq does not
#: pass on its SQLSTATE.
_LIMIT = re.compile(
    "too many (clients|connections)|connection slots are reserved|no more connections allowed"
)

#: The last announcement for each server, in memory that all workers share: time, number of
#: connections, pool; then the time of the last log message.
_announced = {name: RawArray("d", 4) for name in ("primary", "replica")}

_log = logging.getLogger(__name__)


class ConnectionPostponed(psycopg.OperationalError):
    """The pool does not connect now, because the server allows no further connection."""


class Share:
    """The connections of one pool.

    :param server: ``primary`` or ``replica``.
    :param streams: whether this is the pool for streams.
    :param wanted: number of connections that this worker may use on the server, of all its pools.
    :param outage: records all other failures to connect.
    """

    def __init__(self, server: str, *, streams: bool, wanted: int, outage: Outage):
        self._server = server
        self._announced = _announced[server]
        self._pool = -os.getpid() if streams else os.getpid()
        self._wanted = wanted
        self._outage = outage
        self._lock = Lock()
        self._connections = WeakSet[BoundedConnection]()
        self._last_made = 0.0
        self._postponed_until = 0.0
        self._followed = 0.0

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Postpone an attempt to connect, or record its failure.

        :raises ConnectionPostponed: it is too soon after a refusal.
        """
        if monotonic() < self._postponed_until:
            raise ConnectionPostponed
        try:
            yield
        except Exception as error:
            if _LIMIT.search(str(error)):
                self._refused(error)
            else:
                self._outage.failed(error)
            raise

    def add(self, connection: BoundedConnection) -> None:
        """Count a new connection of the pool."""
        with self._lock:
            self._connections.add(connection)
        self._last_made = monotonic()

    def give_back(self, pool: "ConnectionPool[BoundedConnection]") -> None:
        """Close a connection if another pool has announced that it needs one."""
        announced, connections, needy, _ = self._announced
        now = monotonic()
        if needy == self._pool or announced == self._followed or now - announced > _FRESH_SECONDS:
            return
        own = self._open()
        its_turn_is_over = own == 1 and connections == 0 and now - self._last_made > _TURN_SECONDS
        if own <= connections + 1 and not its_turn_is_over:
            return
        # Before the connection is closed, because the pool replaces it at once.
        self._postponed_until = now + (_GROW_SECONDS if own > 1 else _TURN_SECONDS)
        try:
            connection = pool.getconn(LOOK_SECONDS)
        except PoolTimeout:
            return
        connection.given_back = True
        connection.close()
        pool.putconn(connection)
        self._followed = announced

    def _open(self) -> int:
        with self._lock:
            return sum(not connection.closed for connection in self._connections)

    def _refused(self, error: Exception) -> None:
        """Announce that the server has refused a connection, and log it."""
        own = self._open()
        now = monotonic()
        self._postponed_until = now + (_GROW_SECONDS if own else _RETRY_SECONDS)
        self._announced[:3] = [now, own, self._pool]
        if self._announced[3] == 0 or now - self._announced[3] > _LOG_SECONDS:
            self._announced[3] = now
            _log.warning(
                "the %s allows too few connections: %s; each worker can use %d. The workers share"
                " those that they get; raise the limit, or lower DREAMLAKE_THREADS or"
                " WEB_CONCURRENCY",
                self._server,
                " ".join(str(error).split()),
                self._wanted,
            )
