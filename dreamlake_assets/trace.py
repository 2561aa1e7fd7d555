"""What the current request has cost so far, and who sent it.

:mod:`.database` and :mod:`.bss` report to the trace; responses, logs and metrics are made from it.
A server serves a request in one thread from its first byte to its last, so each thread has one
trace at a time.
"""

import threading
from time import perf_counter


class Trace:
    """One request. Times are in seconds.

    :param request_id: empty outside of any request, as on the command line.
    """

    __slots__ = (
        "body_bytes",
        "bss_outcome",
        "bss_seconds",
        "complete",
        "database_seconds",
        "error_code",
        "method",
        "namespace",
        "request_id",
        "roundtrips",
        "route",
        "started",
        "status",
        "subject",
    )

    def __init__(self, request_id: str):
        self.request_id = request_id
        self.started = perf_counter()
        self.method = ""
        #: The rule of the route; None where no route was found.
        self.route: str | None = None
        self.subject: str | None = None
        self.namespace: str | None = None
        self.roundtrips = 0
        self.database_seconds = 0.0
        self.bss_seconds = 0.0
        #: ``ok`` or the code of an error; None where BSS was not asked.
        self.bss_outcome: str | None = None
        self.status = 0
        self.error_code: str | None = None
        self.body_bytes = 0
        #: Whether the whole body was taken.
        self.complete = False


class _Thread(threading.local):
    """The trace of each thread."""

    def __init__(self) -> None:
        self.trace = Trace("")


_thread = _Thread()


def begin(request_id: str) -> Trace:
    """Begin a request on this thread."""
    _thread.trace = trace = Trace(request_id)
    return trace


def end() -> None:
    """End the request of this thread: what follows belongs to none."""
    _thread.trace = Trace("")


def current() -> Trace:
    """The trace of the request that this thread serves."""
    return _thread.trace


class _Timed:
    """A block that is timed. A class, since a generator would cost twice as much."""

    __slots__ = ("_started",)

    def __enter__(self) -> None:
        self._started = perf_counter()


class Roundtrip(_Timed):
    """Where the database is waited for, once."""

    __slots__ = ()

    def __exit__(self, *_: object) -> None:
        here = _thread.trace
        here.roundtrips += 1
        here.database_seconds += perf_counter() - self._started


class MoreRows(_Timed):
    """Where more of the answer to a roundtrip is read."""

    __slots__ = ()

    def __exit__(self, *_: object) -> None:
        _thread.trace.database_seconds += perf_counter() - self._started


class BssRequest(_Timed):
    """Where BSS is asked."""

    __slots__ = ()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, *_: object
    ) -> None:
        here = _thread.trace
        here.bss_seconds += perf_counter() - self._started
        here.bss_outcome = "ok" if error is None else getattr(error, "code", "failed")
