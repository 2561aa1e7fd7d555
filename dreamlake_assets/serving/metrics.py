"""Metrics for Prometheus: the cost of requests and the use of the connection pools.

:mod:`.services` imports this module late, and only if DREAMLAKE_METRICS_TOKEN is set.
prometheus_client decides at its import whether it counts for a single process or for all workers,
in the files of a directory that :mod:`.metrics_directory` creates.
"""

import hmac
import platform
import time
from collections.abc import Iterable
from http import HTTPStatus
from threading import Event, Thread
from typing import NamedTuple

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector

import dreamlake_assets
from dreamlake_assets.database.pool import Database
from dreamlake_assets.serving import metrics_directory, observer
from dreamlake_assets.trace import Trace

#: Seconds between two readings of the state of the connection pools.
POOL_INTERVAL_SECONDS = 1.0

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_ROUNDTRIPS = (0.0, 1.0, 2.0, 3.0, 4.0, 8.0)

#: Other methods are counted together: made-up methods must not create time series.
_METHODS = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}

# The creation times of time series are unused, and unknown when several processes count.
prometheus_client.disable_created_metrics()

if metrics_directory.path() is not None:
    # Files are named by slots instead of process ids, each of which would leave its files behind.
    values.ValueClass = values.MultiProcessValue(metrics_directory.slot)


class _Series(NamedTuple):
    """The time series of requests with equal labels, kept because a lookup by labels is slower."""

    requests: Counter
    seconds: Histogram
    roundtrips: Histogram


class _Workers(MultiProcessCollector):
    """The sum of all workers, readable while a worker starts.

    A new file is empty for a moment, and prometheus_client fails to read an empty file.
    """

    def collect(self) -> Iterable[Metric]:
        return self.merge(metrics_directory.files())


class Metrics:
    """The metrics of an application: a listener of its observer."""

    #: The content type of the page, regardless of ``Accept``: every version of Prometheus reads it.
    CONTENT_TYPE = prometheus_client.CONTENT_TYPE_PLAIN_0_0_4

    def __init__(self, token: str, database: Database):
        """Create the metrics.

        :param token: the bearer token that opens them.
        :param database: the connection pools to observe.
        """
        self._token = token.encode()
        self._database = database
        self._series: dict[tuple[str, str | None, int], _Series] = {}
        self._closing = Event()
        self._thread = Thread(target=self._run, name="metrics", daemon=True)
        self._page_registry = CollectorRegistry()
        self._registry = self._page_registry
        if metrics_directory.path() is not None:
            _Workers(self._page_registry)
            # The files hold the metrics of each worker; the page shows only the sums.
            self._registry = CollectorRegistry()
        self._define()

    def _define(self) -> None:
        labels = ("method", "route")
        self._requests = self._counter("requests", "Completed requests.", (*labels, "status"))
        self._seconds = self._histogram(
            "request_seconds", "Seconds from request to end of response.", labels, _SECONDS
        )
        self._roundtrips = self._histogram(
            "request_roundtrips", "Database roundtrips of a request.", labels, _ROUNDTRIPS
        )
        self._errors = self._counter("errors", "Error responses.", ("code",))
        self._batch_assets = self._counter("batch_assets", "Assets registered in batches.", ())
        self._turned_away = self._counter(
            "turned_away", "Requests refused because the queue of their worker was full.", ()
        )
        self._bss_seconds = self._histogram(
            "bss_seconds", "Seconds spent waiting for BSS.", ("outcome",), _SECONDS
        )
        pool_labels = ("server", "pool")
        self._connections = self._gauge(
            "pool_connections", "Database connections in the pool.", pool_labels
        )
        self._available = self._gauge(
            "pool_available", "Database connections that are free.", pool_labels
        )
        self._waiting = self._gauge(
            "pool_waiting", "Requests waiting for a connection.", pool_labels
        )
        self._gauge("workers", "Worker processes.", ()).set(1)
        build = self._gauge("build_info", "Worker processes by version.", ("version", "python"))
        build.labels(dreamlake_assets.__version__, platform.python_version()).set(1)

    def _counter(self, name: str, description: str, labels: tuple[str, ...]) -> Counter:
        return Counter(
            name, description, labels, namespace="dreamlake_assets", registry=self._registry
        )

    def _histogram(
        self, name: str, description: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(
            name,
            description,
            labels,
            namespace="dreamlake_assets",
            registry=self._registry,
            buckets=buckets,
        )

    def _gauge(self, name: str, description: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(
            name,
            description,
            labels,
            namespace="dreamlake_assets",
            registry=self._registry,
            # The sum over the workers that are alive.
            multiprocess_mode="livesum",
        )

    def open(self) -> None:
        """Start reading the pools and counting refused requests."""
        observer.turned_away_listeners.append(self._turned_away.inc)
        self._thread.start()

    def close(self) -> None:
        """Stop what :meth:`open` started."""
        observer.turned_away_listeners.remove(self._turned_away.inc)
        self._closing.set()
        self._thread.join()

    def __call__(self, request: Trace) -> None:
        """Count a completed request."""
        method = request.method if request.method in _METHODS else "other"
        key = method, request.route, request.status
        series = self._series.get(key) or self._add_series(*key)
        series.requests.inc()
        series.seconds.observe(time.perf_counter() - request.started)
        series.roundtrips.observe(request.roundtrips)
        if request.error_code is not None:
            self._errors.labels(request.error_code).inc()
        if request.assets is not None and request.status == HTTPStatus.CREATED:
            self._batch_assets.inc(request.assets)
        if request.bss_outcome is not None:
            self._bss_seconds.labels(request.bss_outcome).observe(request.bss_seconds)

    def _add_series(self, method: str, route: str | None, status: int) -> _Series:
        labels = method, route or "none"
        series = self._series[method, route, status] = _Series(
            self._requests.labels(*labels, status),
            self._seconds.labels(*labels),
            self._roundtrips.labels(*labels),
        )
        return series

    def permits(self, token: str) -> bool:
        """Return whether a token opens the metrics. Takes the same time for every token."""
        return hmac.compare_digest(token.encode(), self._token)

    def page(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        self._read_pools()
        return prometheus_client.generate_latest(self._page_registry)

    def _run(self) -> None:
        # Any worker may serve the page, so each keeps its own pools up to date in its files.
        while not self._closing.wait(POOL_INTERVAL_SECONDS):
            self._read_pools()

    def _read_pools(self) -> None:
        for pool in self._database.pools():
            labels = pool.server, pool.name
            self._connections.labels(*labels).set(pool.connections)
            self._available.labels(*labels).set(pool.available)
            self._waiting.labels(*labels).set(pool.waiting)
