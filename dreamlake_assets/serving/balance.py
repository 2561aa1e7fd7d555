"""Spreads kept connections evenly over the workers.

Every worker is woken by a new connection, and the first to accept wins. A worker with more
connections than another therefore waits briefly: without this, one of two workers often had 12 of
16 connections.
"""

from multiprocessing.sharedctypes import RawArray

#: The count of a worker that does not exist.
_ABSENT = 2**31 - 1

#: The connections of each worker, in memory that all workers share.
_connections = RawArray("i", [_ABSENT] * 128)

#: For each connection that another worker has less: about the time that a process takes to wake up.
_HESITATION_SECONDS = 20e-6
_LONGEST_HESITATION_SECONDS = 1e-3


class Balance:
    """The connections of one worker beside those of the others."""

    def __init__(self, worker: int):
        """Take a place in the shared memory.

        :param worker: the worker's number, counted up by gunicorn's first process.
        """
        self._place = worker % len(_connections)

    def count(self, connections: int) -> None:
        """Tell the other workers how many connections this one has."""
        _connections[self._place] = connections

    def leave(self) -> None:
        """Let the other workers wait no longer for this one, which has ended."""
        _connections[self._place] = _ABSENT

    def hesitation(self, connections: int) -> float:
        """Seconds to wait before the worker accepts one more connection than it has."""
        more = connections - min(_connections[:])
        return min(max(0, more) * _HESITATION_SECONDS, _LONGEST_HESITATION_SECONDS)
