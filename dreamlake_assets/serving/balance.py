"""Even distribution of kept-alive connections over the workers.

A new connection wakes every worker, and the first to accept gets it. A worker with more connections
than another therefore waits briefly. Without this delay, one of two workers often had 12 of 16
connections.
"""

from multiprocessing.sharedctypes import RawArray

#: The count in an unused place: larger than any real one.
_ABSENT = 2**31 - 1

#: The number of connections of each worker, in memory that all workers share.
_connections = RawArray("i", [_ABSENT] * 128)

#: The delay for each connection more than another worker has: about the time that a process takes
#: to wake up.
_DELAY_SECONDS = 20e-6
_MAX_DELAY_SECONDS = 1e-3


class Balance:
    """The connection count of one worker, compared with those of the others."""

    def __init__(self, worker: int):
        """Choose a place in the shared memory.

        :param worker: the worker's ``age``: gunicorn's master process numbers its workers.
        """
        self._place = worker % len(_connections)

    def count(self, connections: int) -> None:
        """Publish the number of connections of this worker to the others."""
        _connections[self._place] = connections

    def leave(self) -> None:
        """Remove this worker, which has exited, from the comparison."""
        _connections[self._place] = _ABSENT

    def delay(self, connections: int) -> float:
        """Return how long this worker waits before it accepts a connection.

        :param connections: the number of connections that it has.
        :returns: seconds.
        """
        surplus = connections - min(_connections[:])
        return min(max(0, surplus) * _DELAY_SECONDS, _MAX_DELAY_SECONDS)
