"""The workloads and their contestants."""

import statistics
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import psycopg

from dreamlake_assets.limits import URLS
from tests.bench import load, pgbench, seed
from tests.bench.servers import FarDatabase, Server

#: Both workers of a two-core machine have work, with a request waiting for each.
CONNECTIONS = 16
#: Number of requests for which roundtrips are counted.
_COUNTED = 25
#: More than the threads of all workers that serve requests at a time.
CONNECTIONS_DOWNLOADING = 64
#: One batch for each worker of a two-core machine.
CONNECTIONS_WITH_BATCHES = 2
#: Clients that register while others send batches.
CONNECTIONS_BESIDE = 4
#: Few enough that the latency proxy is not the bottleneck.
CONNECTIONS_FAR = 8


@dataclass(frozen=True, slots=True)
class Measurement:
    """One round of one contestant.

    :param per_second: requests, or transactions of pgbench, or rows of a list of everything, or
        assets of batches.
    :param p50: milliseconds within which half of the requests were completed.
    :param p99: the same for 99 in 100.
    :param service_cpu: CPU seconds of the service for 1,000 requests, or for 1,000 assets of
        batches.
    :param database_cpu: the same for all processes of PostgreSQL.
    :param wal: bytes that PostgreSQL wrote to its log for each asset, besides whole pages.
    :param failed: requests with a server error, which no other field includes.
    :param megabytes_per_second: of a list of everything.
    :param memory_growth: MiB by which the peak memory of a worker rose.
    """

    per_second: float
    p50: float | None = None
    p99: float | None = None
    service_cpu: float | None = None
    database_cpu: float | None = None
    wal: float | None = None
    failed: int = 0
    megabytes_per_second: float | None = None
    memory_growth: float | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload and its contestants: functions by name that measure for this many seconds."""

    name: str
    contestants: dict[str, Callable[[float], Measurement]]

    #: Work of a fixed size has the same number of rounds, however long each takes.
    fixed: bool = field(default=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers, and the rows in the database."""

    database: Server
    database_url: str
    service: Server
    chain: Server
    far_bss: Server
    service_of_far_bss: Server
    far_database: FarDatabase
    far_service: Server
    far_chain: Server
    cameras: int

    @property
    def assets(self) -> int:
        """Number of videos in the project LISTED."""
        return self.cameras * seed.FILES_OF_A_CAMERA

    def workloads(self) -> Iterator[Workload]:
        """Yield all workloads, in the order of the table."""
        into_existing = seed.registrations(_existing)
        into_new = seed.registrations(_new)
        livez = self._http(self.service, seed.livez())
        yield Workload(
            "register, existing path",
            {
                "service": self._http(self.service, into_existing),
                "chain": self._http(self.chain, into_existing),
                "livez": livez,
                "pgbench": self._pgbench("asset/insert", pgbench.INSERT),
            },
        )
        yield Workload(
            "register, new episode and folders",
            {
                "service": self._http(self.service, into_new),
                "chain": self._http(self.chain, into_new),
            },
        )
        yield Workload(
            "register, existing path, database 5 ms away",
            {
                "service": self._http(self.far_service, into_existing, CONNECTIONS_FAR),
                "chain": self._http(self.far_chain, into_existing, CONNECTIONS_FAR),
            },
        )
        yield Workload(
            "register, new episode and folders, database 5 ms away",
            {
                "service": self._http(self.far_service, into_new, CONNECTIONS_FAR),
                "chain": self._http(self.far_chain, into_new, CONNECTIONS_FAR),
            },
        )
        yield Workload(
            "register, one episode or 10,000",
            {
                "one": self._http(self.service, into_existing),
                "10,000": self._http(self.service, seed.registrations(_any_of_many)),
            },
        )
        yield Workload(
            "batches, existing path",
            {
                f"{size:,} at once": self._batches(seed.batches(size), size)
                for size in (1000, 100, 10, 1)
            }
            | {
                "one by one": self._http(self.service, into_existing, wal=True),
                "COPY": self._copy,
            },
        )
        one_by_one = seed.registrations(_existing, _one_of_a_hundred)
        yield Workload(
            "batches, 100 new folders",
            {
                "1,000 at once": self._batches(seed.batches(1000, new_folders=100), 1000),
                "one by one": self._http(self.service, one_by_one, wal=True),
            },
        )
        single = self._http(self.service, into_existing, CONNECTIONS_BESIDE)
        yield Workload(
            "register, beside batches",
            {"alone": single, "beside batches": self._beside_batches(single)},
        )
        yield Workload(
            f"list {seed.PAGE} by prefix",
            {
                "service": self._http(self.service, seed.pages_by_prefix(self.cameras)),
                "livez": livez,
                "pgbench": self._pgbench("asset/list_by_prefix", pgbench.LIST_BY_PREFIX),
            },
        )
        last_page = self.assets // seed.PAGE // 1_000 * 1_000
        yield Workload(
            "list page by page",
            {
                "page 1": self._http(self.service, self._page(1)),
                f"page {last_page:,}": self._http(self.service, self._page(last_page)),
            },
        )
        yield Workload(
            "list /camera/*/person012345.mp4, one at a time",
            {"service": self._http(self.service, seed.globs(), 1)},
        )
        yield Workload(
            f"list {seed.PAGE} of all kinds",
            {
                "all kinds": self._http(self.service, seed.pages_of_mixed("/assets")),
                "one kind": self._http(self.service, seed.pages_of_mixed("/assets/video")),
            },
        )
        yield Workload(
            "folders of one level",
            {
                f"of {of}": self._http(self.service, seed.folders(of_an_episode=of == "an episode"))
                for of in ("a project", "an episode")
            },
        )
        episodes = self._http(self.service, seed.episodes())
        yield Workload(f"list {seed.PAGE} episodes", {"service": episodes, "livez": livez})
        lookups = self._http(self.service, seed.lookups(self.cameras))
        yield Workload("lookup", {"service": lookups, "livez": livez})
        downloads = seed.downloads(self.cameras)
        yield Workload(
            "download",
            {
                "service": self._http(self.service, downloads),
                "livez": livez,
                "pgbench": self._pgbench("asset/find_many", pgbench.FIND_BY_NAME),
            },
        )
        yield Workload(
            "download, 64 clients",
            {
                "service": self._http(self.service, downloads, CONNECTIONS_DOWNLOADING),
                "livez": self._http(self.service, seed.livez(), CONNECTIONS_DOWNLOADING),
            },
        )
        for clients in (CONNECTIONS, CONNECTIONS_DOWNLOADING):
            yield Workload(
                f"download, BSS takes 50 ms, {clients} clients",
                {
                    "service": self._http(self.service_of_far_bss, downloads, clients),
                    "BSS": self._http(self.far_bss, seed.raw(), clients),
                },
            )
        many = seed.downloads_of_many(self.cameras, URLS)
        yield Workload(
            f"URLs of {URLS} assets, BSS takes 50 ms, one client",
            {
                "at once": self._http(self.service_of_far_bss, many, 1, assets=URLS),
                "one by one": self._http(self.service_of_far_bss, downloads, 1),
            },
        )
        yield Workload(
            "list everything",
            {
                "service": self._everything(seed.listing()),
                "psql": self._everything_by_psql,
                "NDJSON": self._everything(seed.as_lines(seed.listing())),
            },
            fixed=True,
        )

    def roundtrips(self) -> dict[str, int]:
        """Number of database roundtrips per request, including BEGIN and COMMIT."""
        into_existing = seed.registrations(_existing)
        into_new = seed.registrations(_new)
        pages = seed.pages_by_prefix(self.cameras)
        return {
            "register, existing path": self._count(self.far_service, into_existing),
            "register, existing path, chain": self._count(self.far_chain, into_existing),
            "register, new episode and folders": self._count(self.far_service, into_new),
            "register, new episode and folders, chain": self._count(self.far_chain, into_new),
            "list": self._count(self.far_service, pages),
            "list of all kinds": self._count(self.far_service, seed.pages_of_mixed("/assets")),
            "folders": self._count(self.far_service, seed.folders(of_an_episode=False)),
            "episodes": self._count(self.far_service, seed.episodes()),
            "lookup": self._count(self.far_service, seed.lookups(self.cameras)),
            "download": self._count(self.far_service, seed.downloads(self.cameras)),
        }

    def _count(self, server: Server, requests: Iterator[bytes]) -> int:
        # The minimum, as the first use of a statement on a connection also prepares it.
        counted = []
        for _ in range(_COUNTED):
            before = self.far_database.roundtrips()
            load.run(server.port, requests, connections=1, seconds=0)
            counted.append(self.far_database.roundtrips() - before)
        return min(counted)

    def _batches(self, requests: Iterator[bytes], size: int) -> Callable[[float], Measurement]:
        return self._http(self.service, requests, CONNECTIONS_WITH_BATCHES, assets=size, wal=True)

    def _beside_batches(
        self, measure: Callable[[float], Measurement]
    ) -> Callable[[float], Measurement]:
        """Measure while other clients send batches of 1,000 without a pause."""

        def beside(seconds: float) -> Measurement:
            with ThreadPoolExecutor(1) as pool:
                batches = pool.submit(
                    load.run,
                    self.service.port,
                    seed.batches(1000),
                    connections=CONNECTIONS_WITH_BATCHES,
                    seconds=seconds + 0.5,
                )
                measured = measure(seconds)
                batches.result()
            return replace(measured, service_cpu=None, database_cpu=None)

        return beside

    def _copy(self, seconds: float) -> Measurement:
        """Copy the rows of batches into their table, which no statement inserts faster."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            database_before, wal_before = self.database.cpu_seconds(), self._wal_end()
            rows, took = seed.copy_assets(connection, seconds)
            return Measurement(
                per_second=rows / took,
                database_cpu=(self.database.cpu_seconds() - database_before) / rows * 1000,
                wal=self._wal_since(wal_before) / rows,
            )

    def _wal_end(self) -> str:
        """Return the end of the log of PostgreSQL."""
        with psycopg.connect(self.database_url) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect")
            [(end,)] = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchall()
        return end

    def _wal_since(self, start: str) -> int:
        """Return the bytes of the log since then, without those of whole pages."""
        with psycopg.connect(self.database_url) as connection:
            [(size,)] = connection.execute(
                "SELECT sum(record_size) FROM pg_get_wal_stats(%s, pg_current_wal_flush_lsn())",
                [start],
            ).fetchall()
        return int(size)

    def _http(
        self,
        server: Server,
        requests: Iterator[bytes],
        connections: int = CONNECTIONS,
        *,
        assets: int = 1,
        wal: bool = False,
    ) -> Callable[[float], Measurement]:
        def measure(seconds: float) -> Measurement:
            wal_before = self._wal_end() if wal else None
            service_before, database_before = server.cpu_seconds(), self.database.cpu_seconds()
            done = load.run(server.port, requests, connections=connections, seconds=seconds)
            thousands = len(done.latencies) * assets / 1000
            return Measurement(
                per_second=done.per_second * assets,
                p50=done.quantile(0.5) * 1000,
                p99=done.quantile(0.99) * 1000,
                service_cpu=(server.cpu_seconds() - service_before) / thousands,
                database_cpu=(self.database.cpu_seconds() - database_before) / thousands,
                wal=self._wal_since(wal_before) / thousands / 1000 if wal_before else None,
                failed=done.failed,
            )

        return measure

    def _page(self, number: int) -> Iterator[bytes]:
        request = seed.page(number, self.database_url)
        while True:
            yield request

    def _pgbench(self, name: str, values: dict[str, str]) -> Callable[[float], Measurement]:
        def measure(seconds: float) -> Measurement:
            return Measurement(
                pgbench.run(name, values, database_url=self.database_url, seconds=seconds)
            )

        return measure

    def _everything(self, request: bytes) -> Callable[[float], Measurement]:
        def measure(_: float) -> Measurement:
            before = {worker: _reset_peak(worker) for worker in self.service.workers()}
            seconds, size = load.read_stream(self.service.port, request)
            return Measurement(
                per_second=self.assets / seconds,
                megabytes_per_second=size / seconds / 1_000_000,
                memory_growth=max(_peak(worker) - low for worker, low in before.items()),
            )

        return measure

    def _everything_by_psql(self, _: float) -> Measurement:
        return Measurement(self.assets / pgbench.copy_every_item(self.database_url))


def _existing(_: int) -> str:
    return "run-42"


def _new(number: int) -> str:
    return f"new-{number}"


def _one_of_a_hundred(number: int) -> str:
    """Return one of a hundred folders; each 1,000 registrations have their own."""
    return f"/{number // 1000}/{number % 100}"


def _any_of_many(number: int) -> str:
    return f"run-{number % seed.EPISODES}"


def _reset_peak(process: psutil.Process) -> float:
    """Reset the peak memory that Linux records. Returns the current memory in MiB."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    return process.memory_info().rss / 2**20


def _peak(process: psutil.Process) -> float:
    """Return the peak memory since :func:`_reset_peak`, in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    _, _, peak = status.partition("VmHWM:")
    return int(peak.split()[0]) / 1024


def median(measurements: list[Measurement], of: str) -> float | None:
    """Return the median of a field over the rounds; None if it is not measured."""
    values = [value for each in measurements if (value := getattr(each, of)) is not None]
    return statistics.median(values) if values else None
