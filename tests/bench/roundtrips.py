"""Roundtrips on the wire: how often a request waits for the database."""

import statistics
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.bench import load
from tests.bench.servers import Server
from tests.support.wire import WireProxy

#: More than a worker has connections, on each of which a statement is prepared once.
_REQUESTS = 25


def proxy(database_url: str) -> WireProxy:
    """What counts, between a server and the database."""
    parts = urlsplit(database_url)
    assert parts.hostname
    assert parts.port
    return WireProxy(parts.hostname, parts.port)


def count(proxy: WireProxy, server: Server, requests: Iterator[bytes]) -> int:
    """The roundtrips of a request, once the statements are prepared: the median of some."""
    counted = []
    for _ in range(_REQUESTS):
        with proxy.count() as traffic:
            load.run(server.port, requests, connections=1, seconds=0)
        counted.append(traffic.roundtrips)
    return round(statistics.median(counted))
