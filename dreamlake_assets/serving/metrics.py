"""Metrics for Prometheus: what requests cost, and how much of a worker is in use.

Only :mod:`.services` imports this module, late and where DREAMLAKE_METRICS_TOKEN is set:
prometheus_client decides when it is imported whether it counts for one process alone, or for all
workers together, in the files of a directory that :mod:`.metrics_directory` makes.
"""

import hmac
import platform
import time
from collections.abc import Iterable
from threading import Event, Thread
from typing import NamedTuple

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector

import dreamlake_assets
from dreamlake_assets.database.pool import Database
from dreamlake_assets.serving import metrics_directory, observer
from dreamlake_assets.trace import Trace

#: Seconds between two looks at what is counted by nobody, but can be seen.
LOOK_SECONDS = 1.0

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ROUNDTRIPS = (0.0, 1.0, 2.0, 3.0, 4.0, 8.0)

#: Others are counted as one: whoever makes methods up must not make time series.
_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}

# When a time series began is of no use, and is not known where several processes count.
prometheus_client.disable_created_metrics()


class _Series(NamedTuple):
    """What is counted for requests that are alike; to find it by its labels takes longer."""

    requests: Counter
    seconds: Histogram
    roundtrips: Histogram


class _Workers(MultiProcessCollector):
    """What all workers have counted, also while one of them is being made.

    A file is empty for the moment between its creation and its first bytes, and prometheus_client
    cannot read an empty one.
    """

    def collect(self) -> Iterable[Metric]:
        return self.merge(metrics_directory.files())


class Metrics:
    """The metrics of an application: a listener of its observer."""

    #: Of the page, whatever a client accepts: every Prometheus reads it.
    CONTENT_TYPE = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, token: str, database: Database):
        """Make the metrics.

        :param token: what whoever reads them must bear.
        """
        self._token = token.encode()
        self._database = database
        self._known: dict[tuple[str, str | None, int], _Series] = {}
        self._closing = Event()
        self._thread = Thread(target=self._run, name="metrics", daemon=True)
        self._shown = CollectorRegistry()
        self._own = self._shown
        if metrics_directory.path() is not None:
            _Workers(self._shown)
            # Those of a worker alone are in its files; they are not shown besides the sums.
            self._own = CollectorRegistry()
        self._define()

    def _define(self) -> None:
        request = ("method", "route")
        self._requests = self._counter("requests", "Requests answered.", (*request, "status"))
        self._seconds = self._histogram(
            "request_seconds", "From the request to the end of its answer.", request, _SECONDS
        )
        self._roundtrips = self._histogram(
            "request_roundtrips", "Waits for the database.", request, _ROUNDTRIPS
        )
        self._errors = self._counter("errors", "Answers that are errors.", ("code",))
        self._turned_away = self._counter(
            "turned_away", "Requests that found the queue of their worker full.", ()
        )
        self._bss_seconds = self._histogram(
            "bss_seconds", "Waiting for BSS.", ("outcome",), _SECONDS
        )
        pool = ("server", "pool")
        self._connections = self._gauge("pool_connections", "Connections to the database.", pool)
        self._available = self._gauge("pool_available", "Those of them that are free.", pool)
        self._waiting = self._gauge("pool_waiting", "Requests that wait for one.", pool)
        self._gauge("workers", "Processes that serve.", ()).set(1)
        build = self._gauge("build_info", "Workers by what they run.", ("version", "python"))
        build.labels(dreamlake_assets.__version__, platform.python_version()).set(1)

    def _counter(self, name: str, words: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, words, labels, namespace="dreamlake_assets", registry=self._own)

    def _histogram(
        self, name: str, words: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(
            name,
            words,
            labels,
            namespace="dreamlake_assets",
            registry=self._own,
            buckets=buckets,
        )

    def _gauge(self, name: str, words: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(
            name,
            words,
            labels,
            namespace="dreamlake_assets",
            registry=self._own,
            # Of the workers that live, all together.
            multiprocess_mode="livesum",
        )

    def open(self) -> None:
        """Begin to look at the pools, and to count what is turned away."""
        observer.turned_away_listeners.append(self._turned_away.inc)
        self._thread.start()

    def close(self) -> None:
        """End what :meth:`open` began."""
        observer.turned_away_listeners.remove(self._turned_away.inc)
        self._closing.set()
        self._thread.join()

    def __call__(self, here: Trace) -> None:
        """Count a request that is over."""
        method = here.method if here.method in _METHODS else "other"
        key = method, here.route, here.status
        series = self._known.get(key) or self._know(*key)
        series.requests.inc()
        series.seconds.observe(time.perf_counter() - here.started)
        series.roundtrips.observe(here.roundtrips)
        if here.error_code is not None:
            self._errors.labels(here.error_code).inc()
        if here.bss_outcome is not None:
            self._bss_seconds.labels(here.bss_outcome).observe(here.bss_seconds)

    def _know(self, method: str, route: str | None, status: int) -> _Series:
        labels = method, route or "none"
        series = self._known[method, route, status] = _Series(
            self._requests.labels(*labels, status),
            self._seconds.labels(*labels),
            self._roundtrips.labels(*labels),
        )
        return series

    def permits(self, token: str) -> bool:
        """Whether a token opens the metrics; takes the same time for every token."""
        return hmac.compare_digest(token.encode(), self._token)

    def page(self) -> bytes:
        """All metrics, as text."""
        self._look()
        return prometheus_client.generate_latest(self._shown)

    def _run(self) -> None:
        # Whichever worker is asked for the page, it finds there what the others have seen.
        while not self._closing.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        for pool in self._database.pools():
            labels = pool.server, pool.name
            self._connections.labels(*labels).set(pool.connections)
            self._available.labels(*labels).set(pool.available)
            self._waiting.labels(*labels).set(pool.waiting)
