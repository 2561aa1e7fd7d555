"""The number of requests that wait for BSS at a time: many while it is quick, few while it is slow.

Each of them holds a client. While BSS is quick, that is worthwhile: a request without a place gets
one in a moment. While BSS is slow, the client had better be told at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from threading import Condition
from time import monotonic

from dreamlake_assets import deadlines
from dreamlake_assets.errors import Overloaded

#: Seconds. BSS is quick if it responds within this time. A request waits for a place as long.
PATIENCE_SECONDS = deadlines.BSS_PLACE

#: The share of the places that remains while BSS is slow.
_LEAST = 1 / 16


class Places:
    """The places of requests that wait for BSS.

    At first there are few. Each quick response adds one, and each slow one removes one, so their
    number follows the speed of BSS within a few responses. While BSS hangs, there are few, too.
    """

    def __init__(self, most: int):
        """Start with the places of a slow BSS.

        :param most: the number of requests that may wait for BSS, or for a place, at a time.
        """
        self._most = most
        self._least = max(1, int(most * _LEAST))
        self._places = self._least
        #: Whether the last response was slow, and the places are as few as they can be.
        self._slow = False
        self._last_response = monotonic()
        #: The start of each request that has a place; the oldest is first.
        self._taken: dict[object, float] = {}
        self._waiting = 0
        self._condition = Condition()

    @contextmanager
    def take(self, seconds: float | None = None) -> Iterator[None]:
        """Take a place for a block, which sends a request to BSS.

        :param seconds: how long to wait for a place while BSS is quick; PATIENCE_SECONDS if None.
        :raises Overloaded: there is no place, and BSS is slow or too many requests wait already.
        """
        request = object()
        with self._condition:
            if not self._is_free():
                self._wait(PATIENCE_SECONDS if seconds is None else seconds)
            self._taken[request] = monotonic()
        try:
            yield
        finally:
            with self._condition:
                self._count(monotonic() - self._taken.pop(request))
                # The place that is free now, and the one that a quick response adds.
                self._condition.notify(2)

    def _is_free(self) -> bool:
        return len(self._taken) < (self._least if self._is_slow() else self._places)

    def _wait(self, seconds: float) -> None:
        full = len(self._taken) + self._waiting >= self._most
        self._waiting += 1
        try:
            while not full and not self._is_slow() and seconds > 0:
                if self._condition.wait_for(self._is_free, min(seconds, PATIENCE_SECONDS)):
                    return
                seconds -= PATIENCE_SECONDS
        finally:
            self._waiting -= 1
        raise Overloaded("Too many downloads wait for BSS; try again soon.")

    def _is_slow(self) -> bool:
        """Return whether the last responses were slow, or BSS hangs.

        It hangs if requests are late and it responds to no other request meanwhile. A few late
        requests among many quick ones do no harm.
        """
        now = monotonic()
        late_since = next(islice(self._taken.values(), self._least - 1, None), now)
        return self._slow or now - max(late_since, self._last_response) > PATIENCE_SECONDS

    def _count(self, seconds: float) -> None:
        self._last_response = monotonic()
        if seconds <= PATIENCE_SECONDS:
            self._places = min(self._places + 1, self._most)
            self._slow = False
        else:
            self._places = max(self._places - 1, self._least)
            self._slow = self._places == self._least
