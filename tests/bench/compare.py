"""Compares the CPU time of requests with an earlier commit: ``make bench AGAINST=<commit>``.

Both versions serve the same database in turns of a fraction of a second, so that noise on the
machine affects both equally. The median of many rounds shows a difference of 3 % also while other
programs run.
"""

import hashlib
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from tests.bench import load, machine, seed, servers
from tests.bench.servers import Server

ROUNDS = {"quick": 7, "full": 21}
#: The turns of each version in a round.
TURNS = 4
TURN_SECONDS = 0.2
WARM_UP_SECONDS = 1.5
CONNECTIONS = 16
CAMERAS = 5

_ROOT = Path(__file__).resolve().parents[2]
_SERVICE = "dreamlake_assets:create_app()"


@dataclass(slots=True)
class Cost:
    """CPU seconds and requests of a version in a round."""

    service_seconds: float = 0.0
    database_seconds: float = 0.0
    requests: int = 0

    @property
    def service(self) -> float:
        """CPU milliseconds of the service per request."""
        return self.service_seconds / self.requests * 1e3

    @property
    def database(self) -> float:
        """CPU milliseconds of PostgreSQL per request."""
        return self.database_seconds / self.requests * 1e3

    @property
    def both(self) -> float:
        """CPU milliseconds of the service and PostgreSQL per request."""
        return self.service + self.database


def against(commit: str, *, quick: bool, wanted: list[str]) -> None:
    """Measure this version and the one of a commit, and print both with the ratio.

    :param wanted: words, one of which the name of a workload must have; all workloads without one.
    """
    python = Path(os.environ.get("PYTHON") or Path(sys.executable).resolve())
    _describe(python)
    with ExitStack() as stack:
        enter = stack.enter_context
        temporary = Path(enter(tempfile.TemporaryDirectory()))
        earlier = temporary / "earlier"
        _extract(commit, earlier)
        now, before = _environment(_ROOT, python), _environment(earlier, python)
        database, url = enter(servers.postgres())
        seed.seed(url, CAMERAS, finish=_migrations(earlier) == _migrations(_ROOT))
        bss = enter(servers.bss()).url

        def serve(name: str, application: str, python: Path, **options: Any) -> Server:
            log = temporary / f"{name}.log"
            return enter(servers.gunicorn(application, url, bss, log, python=python, **options))

        contestants = {
            commit[:12]: serve("earlier", _SERVICE, before, directory=earlier),
            "now": serve("now", _SERVICE, now),
        }
        floor = serve("floor", "tests.bench.floor:app", now, config="python:tests.bench.floor")
        for name, requests in _workloads().items():
            if wanted and not any(word in name for word in wanted):
                continue
            of_livez = {"Flask alone": floor} if name == "livez" else {}
            rounds = ROUNDS["quick" if quick else "full"]
            _print(name, _measure({**contestants, **of_livez}, database, requests, rounds))


def _workloads() -> dict[str, Iterator[bytes]]:
    return {
        "livez": seed.livez(),
        "register": seed.registrations(lambda _: "run-42"),
        "register, new episode and folders": seed.registrations(lambda number: f"new-{number}"),
        f"list {seed.PAGE}": seed.pages_by_prefix(CAMERAS),
        "download": seed.downloads(CAMERAS),
    }


def _measure(
    contestants: dict[str, Server], database: Server, requests: Iterator[bytes], rounds: int
) -> dict[str, list[Cost]]:
    """Return the cost of each round, by contestant."""

    def take_turn(server: Server, seconds: float, cost: Cost) -> None:
        service, of_database = server.cpu_seconds(), database.cpu_seconds()
        done = load.run(server.port, requests, connections=CONNECTIONS, seconds=seconds)
        cost.service_seconds += server.cpu_seconds() - service
        cost.database_seconds += database.cpu_seconds() - of_database
        cost.requests += len(done.latencies)

    order = list(contestants)
    for name in order:
        take_turn(contestants[name], WARM_UP_SECONDS, Cost())
    costs: dict[str, list[Cost]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for its in costs.values():
            its.append(Cost())
        for _ in range(TURNS):
            for name in order:
                take_turn(contestants[name], TURN_SECONDS, costs[name][-1])
            order.reverse()
    return costs


def _print(workload: str, costs: dict[str, list[Cost]]) -> None:
    """Print the medians of all contestants, and the ratios to the first one."""
    print(f"\n{workload}")
    for name, its in costs.items():
        service, database, both = (
            statistics.median(getattr(cost, of) for cost in its)
            for of in ("service", "database", "both")
        )
        print(f"  {name:<12} {service:6.3f} ms service + {database:.3f} database = {both:.3f} ms")
    first, *others = costs
    for name in others:
        for of in ("service", "both"):
            ratios = [
                getattr(mine, of) / getattr(its, of)
                for mine, its in zip(costs[name], costs[first], strict=True)
            ]
            each = " ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"  {name} / {first}, {of:<7}: {statistics.median(ratios):.3f} of {each}")
    sys.stdout.flush()


def _extract(commit: str, directory: Path) -> None:
    archive = subprocess.run(
        ["git", "archive", commit], cwd=_ROOT, check=True, stdout=subprocess.PIPE
    ).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(directory, filter="data")


def _migrations(directory: Path) -> set[str]:
    return {each.name for each in (directory / "sql" / "migrations").glob("*.sql")}


def _environment(directory: Path, python: Path) -> Path:
    """Return the Python of a virtual environment with the requirements of a version.

    It is kept in ``var/bench``, because versions with equal requirements can share it.
    """
    requirements = directory / "requirements.txt"
    key = hashlib.sha256(str(python).encode() + requirements.read_bytes()).hexdigest()[:16]
    environment = _ROOT / "var" / "bench" / f"environment-{key}"
    executable = environment / "bin" / "python"
    complete = environment / "complete"
    if not complete.exists():
        print(f"Setting up {environment.relative_to(_ROOT)} (once, about a minute)")
        subprocess.run([python, "-m", "venv", "--clear", environment], check=True)
        pip = [executable, "-m", "pip", "--disable-pip-version-check"]
        options = ["--quiet", "--require-hashes", "--requirement", requirements]
        subprocess.run([*pip, "install", *options], check=True)
        complete.touch()
    return executable


def _describe(python: Path) -> None:
    text, optimised = machine.describe_python(python)
    print(f"Python {text}")
    if not optimised and (better := next(machine.optimised_pythons(), None)):
        print(f"An optimised one takes a quarter less: make bench AGAINST=… PYTHON={better}")
