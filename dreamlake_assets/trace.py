"""The trace of the current request: its subject, its cost so far and its outcome.

:mod:`.database` and :mod:`.bss` write to the trace; responses, logs and metrics read it. A single
thread serves a request from its first byte to its last, so each thread has one trace at a time.
"""

import threading
from time import perf_counter


class Trace:
    """The trace of one request. Times are in seconds.

    :param request_id: the id of the request; empty outside of a request, as on the command line.
    """

    __slots__ = (
        "assets",
        "body_bytes",
        "bss_outcome",
        "bss_seconds",
        "change_id",
        "complete",
        "database_seconds",
        "error_code",
        "error_reason",
        "method",
        "namespace",
        "request_id",
        "roundtrips",
        "route",
        "started",
        "status",
        "subject",
        "trace_id",
    )

    def __init__(self, request_id: str):
        self.request_id = request_id
        #: The trace that the client sent in ``traceparent``.
        self.trace_id: str | None = None
        self.started = perf_counter()
        self.method = ""
        #: The URL rule of the route; None if no route matches.
        self.route: str | None = None
        self.subject: str | None = None
        self.namespace: str | None = None
        #: The number of assets in a batch; None for any other request.
        self.assets: int | None = None
        #: The id of the change that the request makes, which the row keeps until the next one.
        self.change_id: str | None = None
        self.roundtrips = 0
        self.database_seconds = 0.0
        self.bss_seconds = 0.0
        #: ``ok`` or the code of an error; None without a request to BSS.
        self.bss_outcome: str | None = None
        self.status = 0
        self.error_code: str | None = None
        #: Details of the error for the log, without secrets.
        self.error_reason: str | None = None
        self.body_bytes = 0
        #: Whether the whole body was passed to the server.
        self.complete = False


class _Thread(threading.local):
    """The trace of each thread."""

    def __init__(self) -> None:
        self.trace = Trace("")


_thread = _Thread()


def begin(request_id: str) -> Trace:
    """Start the trace of a request on this thread."""
    _thread.trace = trace = Trace(request_id)
    return trace


def end() -> None:
    """End the trace of the request on this thread."""
    _thread.trace = Trace("")


def current() -> Trace:
    """Return the trace of the request that this thread serves."""
    return _thread.trace


class _Timed:
    """A context manager that times its block. A generator would cost twice as much."""

    __slots__ = ("_started",)

    def __enter__(self) -> None:
        self._started = perf_counter()


class Roundtrip(_Timed):
    """Time one roundtrip to the database."""

    __slots__ = ()

    def __exit__(self, *_: object) -> None:
        trace = _thread.trace
        trace.roundtrips += 1
        trace.database_seconds += perf_counter() - self._started


class MoreRows(_Timed):
    """Time the reading of more rows of a roundtrip."""

    __slots__ = ()

    def __exit__(self, *_: object) -> None:
        _thread.trace.database_seconds += perf_counter() - self._started


class BssRequest(_Timed):
    """Time a request to BSS and record its outcome."""

    __slots__ = ()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, *_: object
    ) -> None:
        trace = _thread.trace
        trace.bss_seconds += perf_counter() - self._started
        trace.bss_outcome = "ok" if error is None else getattr(error, "code", "failed")
