"""Measures the service against its predecessor and its limits: ``make bench``.

The contestants of a workload alternate for several rounds, so that noise on the machine affects all
of them equally. CPU seconds are comparable even then.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench import compare, machine, report, seed, servers
from tests.bench.workloads import Measurement, Stage, Workload

DISTANCE_SECONDS = 0.005
BSS_SECONDS = 0.05
WARM_UP_SECONDS = 0.3

_SERVICE = "dreamlake_assets:create_app()"
_CHAIN = "tests.bench.chain:create_app()"
_OUTPUT = Path("var/bench")
_STARTED = time.monotonic()


def main() -> None:
    """Measure, print the table, and write it as JSON and as a chart."""
    quick = os.environ.get("QUICK", "") not in ("", "0")
    rounds, seconds = (3, 0.8) if quick else (5, 3.0)
    wanted = sys.argv[1:]
    if against := os.environ.get("AGAINST"):
        compare.against(against, quick=quick, wanted=wanted)
        return
    with _stage(cameras=seed.CAMERAS["quick" if quick else "full"]) as stage:
        results = {
            workload.name: _measure(workload, rounds, seconds)
            for workload in stage.workloads()
            if not wanted or any(word in workload.name for word in wanted)
        }
        done = report.Report(
            machine=machine.describe(stage.database_url),
            assets=stage.assets,
            rounds=rounds,
            seconds=seconds,
            results=results,
            roundtrips=stage.roundtrips(),
        )
    done.print()
    _OUTPUT.mkdir(parents=True, exist_ok=True)
    done.write_json(_OUTPUT / "result.json")
    done.write_chart(_OUTPUT / "result.svg")
    print(f"\nWritten to {_OUTPUT}/result.json and result.svg.")


@contextmanager
def _stage(cameras: int) -> Iterator[Stage]:
    with ExitStack() as stack:
        enter = stack.enter_context
        logs = Path(enter(tempfile.TemporaryDirectory()))
        _progress("Starting PostgreSQL")
        database, url = enter(servers.postgres())
        _progress(f"Making {cameras * seed.FILES_OF_A_CAMERA:,} assets")
        seed.seed(url, cameras)
        _progress("Starting gunicorn")
        bss_url = enter(servers.bss()).url
        far_bss = enter(servers.bss(BSS_SECONDS))
        far = enter(servers.far_away(url, DISTANCE_SECONDS))
        yield Stage(
            database=database,
            database_url=url,
            service=enter(servers.gunicorn(_SERVICE, url, bss_url, logs / "service")),
            chain=enter(servers.gunicorn(_CHAIN, url, bss_url, logs / "chain")),
            far_bss=far_bss,
            service_of_far_bss=enter(
                servers.gunicorn(_SERVICE, url, far_bss.url, logs / "service_of_far_bss")
            ),
            far_database=far,
            far_service=enter(servers.gunicorn(_SERVICE, far.url, bss_url, logs / "far_service")),
            far_chain=enter(servers.gunicorn(_CHAIN, far.url, bss_url, logs / "far_chain")),
            cameras=cameras,
        )


def _measure(workload: Workload, rounds: int, seconds: float) -> dict[str, list[Measurement]]:
    _progress(f"{workload.name}: {', '.join(workload.contestants)}")
    if not workload.fixed:
        for measure in workload.contestants.values():
            measure(WARM_UP_SECONDS)
    results: dict[str, list[Measurement]] = {name: [] for name in workload.contestants}
    turns = list(workload.contestants.items())
    for _ in range(rounds):
        for name, measure in turns:
            results[name].append(measure(seconds))
        turns.reverse()
    return results


def _progress(text: str) -> None:
    print(f"{time.monotonic() - _STARTED:5.0f} s  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
