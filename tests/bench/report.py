"""The table, the JSON and the chart."""

import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import pygal
from pygal.style import Style

from tests.bench.workloads import Measurement, median

Results = dict[str, dict[str, list[Measurement]]]

_HEAD = ("", "a second", "ratio", "p50 ms", "p99 ms", "service CPU", "database CPU", "WAL bytes")


@dataclass(frozen=True, slots=True)
class Target:
    """A row in the table of performance targets."""

    name: str
    value: Callable[["Report"], float | None]
    least: float | None = None
    most: float | None = None

    def reached(self, value: float) -> bool:
        """Return whether a figure meets the target."""
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    @property
    def wanted(self) -> str:
        """The target in words."""
        return f"at most {self.most:g}" if self.least is None else f"at least {self.least:g}"


@dataclass(frozen=True, slots=True)
class Report:
    """All measurements.

    :param roundtrips: to the database, by request.
    """

    machine: dict[str, str]
    assets: int
    rounds: int
    seconds: float
    results: Results
    roundtrips: dict[str, int]

    def ratio(self, workload: str, of: int, to: int) -> float | None:
        """Return the ratio of two contestants, by number: the median of the rounds."""
        if workload not in self.results:
            return None
        contestants = list(self.results[workload].values())
        pairs = zip(contestants[of], contestants[to], strict=True)
        return statistics.median(one.per_second / other.per_second for one, other in pairs)

    def share(self, workload: str, of: int, to: int, *fields: str) -> float | None:
        """Return what one contestant costs as a share of another, by number."""
        if workload not in self.results:
            return None
        contestants = list(self.results[workload].values())
        one, other = (
            sum(median(contestants[number], field) or 0 for field in fields) for number in (of, to)
        )
        return one / other

    def median(self, workload: str, *fields: str, of: int = 0) -> float | None:
        """Return a contestant's median, by number; for several fields, the sum of their medians."""
        if workload not in self.results:
            return None
        measurements = list(self.results[workload].values())[of]
        return sum(median(measurements, field) or 0 for field in fields)

    def failed(self, start: str) -> int | None:
        """Return the failed requests of all workloads whose name starts like this."""
        found = [each for name, each in self.results.items() if name.startswith(start)]
        counted = [each.failed for contestants in found for each in contestants["service"]]
        return sum(counted) if counted else None

    def print(self) -> None:
        """Print the report for people."""
        print()
        for name, value in self.machine.items():
            print(f"{name:12}{value}")
        print(
            f"\n{self.assets:,} assets; {self.rounds} rounds of {self.seconds:g} s for each"
            " contestant, in turns; medians.\nCPU is in seconds for 1,000 requests, or for 1,000"
            " assets of batches.\n"
        )
        print(_row(*_HEAD))
        for workload in self.results:
            self._print_workload(workload)
        print("\nRoundtrips to the database")
        for name, roundtrips in self.roundtrips.items():
            print(f"  {name:60}{roundtrips}")
        print("\nTargets")
        for target in TARGETS:
            value = target.value(self)
            if value is not None:
                reached = "reached" if target.reached(value) else "NOT REACHED"
                print(f"  {target.name:64}{target.wanted:>14}{value:>9.2f}  {reached}")

    def _print_workload(self, workload: str) -> None:
        print(workload)
        for number, (name, measurements) in enumerate(self.results[workload].items()):
            print(
                _row(
                    f"  {name}",
                    _text(median(measurements, "per_second"), 0),
                    _text(self.ratio(workload, number, 0), 2),
                    _text(median(measurements, "p50"), 1),
                    _text(median(measurements, "p99"), 1),
                    _text(median(measurements, "service_cpu"), 3),
                    _text(median(measurements, "database_cpu"), 3),
                    _text(median(measurements, "wal"), 0),
                )
            )
            failed = sum(each.failed for each in measurements)
            if failed:
                print(f"    {failed} requests failed")
            speed = median(measurements, "megabytes_per_second")
            growth = median(measurements, "memory_growth")
            if speed is not None:
                print(f"    rows a second; {speed:.1f} MB/s, a worker grows by {growth:.1f} MiB")

    def write_json(self, path: Path) -> None:
        """Write the report for programs."""
        values = {target.name: target.value(self) for target in TARGETS}
        content = {
            **asdict(self),
            "targets": [
                {
                    "name": target.name,
                    "wanted": target.wanted,
                    "value": value,
                    "reached": target.reached(value),
                }
                for target in TARGETS
                if (value := values[target.name]) is not None
            ],
        }
        path.write_text(json.dumps(content, indent=2) + "\n")

    def write_chart(self, path: Path) -> None:
        """Write the first contestant of each workload as a bar chart, beside what it replaces."""
        chart = pygal.HorizontalBar(
            title="Requests a second, and assets a second of batches",
            js=(),
            print_values=True,
            print_values_position="top",
            truncate_legend=-1,
            truncate_label=-1,
            legend_at_bottom=True,
            legend_at_bottom_columns=1,
            width=1000,
            height=700,
            style=Style(
                background="white",
                plot_background="white",
                colors=("#1f6feb", "#d1744b"),
                value_font_size=11,
            ),
            formatter=lambda value: f"{value:,.0f}",
        )
        workloads = [name for name in reversed(self.results) if name != _EVERYTHING]
        chart.x_labels = workloads
        chart.add("service", [self._per_second(name, *self.results[name]) for name in workloads])
        chart.add(
            "the published chain, requests one by one, or BSS alone",
            [self._per_second(name, "chain", "one by one", "BSS") for name in workloads],
        )
        chart.render_to_file(str(path))

    def _per_second(self, workload: str, *contestants: str) -> float | None:
        """Return the rate of the first of these contestants that takes part."""
        results = self.results[workload]
        taking_part = [name for name in contestants if name in results]
        return median(results[taking_part[0]], "per_second") if taking_part else None


def _row(*cells: str) -> str:
    first, *others = cells
    return f"{first:28}" + "".join(f"{cell:>14}" for cell in others)


def _text(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


_REGISTER = "register, existing path"
_REGISTER_NEW = "register, new episode and folders"
_FAR = ", database 5 ms away"
_BATCHES = "batches, existing path"
_LIST = "list 100 by prefix"
_EVERYTHING = "list everything"
_FAR_BSS = "download, BSS takes 50 ms"
_ONE_ROUNDTRIP = ("list", "list of all kinds", "folders", "episodes", "lookup", "download")

TARGETS = (
    Target(f"{_REGISTER}, against the chain", lambda it: it.ratio(_REGISTER, 0, 1), least=3),
    Target(
        f"{_REGISTER}{_FAR}, against the chain",
        lambda it: it.ratio(_REGISTER + _FAR, 0, 1),
        least=5,
    ),
    Target(
        f"{_REGISTER_NEW}, against the chain", lambda it: it.ratio(_REGISTER_NEW, 0, 1), least=1.3
    ),
    Target(
        f"{_REGISTER_NEW}{_FAR}",
        lambda it: it.ratio(_REGISTER_NEW + _FAR, 0, 1),
        least=3,
    ),
    Target(f"{_REGISTER}, against livez", lambda it: it.ratio(_REGISTER, 0, 2), least=0.4),
    Target(
        "register into one episode, against ten thousand",
        lambda it: it.ratio("register, one episode or 10,000", 0, 1),
        least=0.95,
    ),
    Target(f"{_BATCHES}, against one by one", lambda it: it.ratio(_BATCHES, 0, 4), least=12),
    Target(
        f"{_BATCHES}, CPU against one by one",
        lambda it: it.share(_BATCHES, 0, 4, "service_cpu", "database_cpu"),
        most=0.1,
    ),
    Target(
        f"{_BATCHES}, WAL against one by one",
        lambda it: it.share(_BATCHES, 0, 4, "wal"),
        most=0.5,
    ),
    Target(f"{_LIST}, against livez", lambda it: it.ratio(_LIST, 0, 1), least=0.35),
    Target(
        f"{_LIST}, seconds of CPU for 1,000",
        lambda it: it.median(_LIST, "service_cpu", "database_cpu"),
        most=1.0,
    ),
    Target(
        "a page far behind, against page 1",
        lambda it: it.ratio("list page by page", 1, 0),
        least=0.9,
    ),
    Target(
        "list everything, against psql \\copy", lambda it: it.ratio(_EVERYTHING, 0, 1), least=0.8
    ),
    Target(
        "list everything, growth of a worker in MiB",
        lambda it: it.median(_EVERYTHING, "memory_growth"),
        most=32,
    ),
    Target(
        "list everything as NDJSON, against JSON",
        lambda it: it.ratio(_EVERYTHING, 2, 0),
        least=0.95,
    ),
    Target(
        "list everything as NDJSON, growth of a worker in MiB",
        lambda it: it.median(_EVERYTHING, "memory_growth", of=2),
        most=32,
    ),
    Target(
        "list /camera/*/person012345.mp4, p50 in ms",
        lambda it: it.median("list /camera/*/person012345.mp4, one at a time", "p50"),
        most=10,
    ),
    *(
        Target(f"{name}, against BSS", lambda it, name=name: it.ratio(name, 0, 1), least=0.9)
        for name in (f"{_FAR_BSS}, 16 clients", f"{_FAR_BSS}, 64 clients")
    ),
    Target("download, failed requests", lambda it: it.failed("download"), most=0),
    *(
        Target(f"{name}, roundtrips", lambda it, name=name: it.roundtrips.get(name), most=most)
        for name, most in (
            (_REGISTER, 1),
            (_REGISTER_NEW, 2),
            *((name, 1) for name in _ONE_ROUNDTRIP),
        )
    ),
)
