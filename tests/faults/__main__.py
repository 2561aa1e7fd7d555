"""Injects faults while clients write, and prints what was lost: ``make faults``.

python -m tests.faults [--quick] [--fuzz REQUESTS] [FAULT…]
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import (
    batch_faults,
    bss_faults,
    change_faults,
    database_faults,
    service_faults,
)
from tests.faults.outcome import Outcome

#: Each fault: its function, its number of rounds, and its number of rounds with ``--quick``.
FAULTS: dict[str, tuple[Callable[[int], Outcome], int, int]] = {
    "killed": (database_faults.killed, 10, 2),
    "restarted": (database_faults.restarted, 10, 2),
    "cut": (database_faults.cut, 50, 10),
    "frozen": (database_faults.frozen, 3, 1),
    "read-only": (database_faults.read_only, 10, 2),
    "worker": (service_faults.worker_killed, 10, 2),
    "reloaded": (service_faults.reloaded, 10, 2),
    "stopped": (service_faults.stopped, 3, 1),
    "failover": (database_faults.failover, 3, 1),
    "bss": (bss_faults.bss, 3, 1),
    "bss-hangs": (bss_faults.hanging, 9, 3),
    "bss-slow": (bss_faults.slow, 10, 3),
    "overload": (service_faults.overloaded, 3, 1),
    "batches": (batch_faults.overlapping_batches, 1, 1),
    "batch-memory": (batch_faults.memory, 1000, 100),
    "changes": (change_faults.at_random, 1, 1),
    "same-key": (service_faults.sent_at_once, 10, 3),
}

_HEAD = ("fault", "rounds", "acknowledged", "lost", "twice", "slowest", "errors")


def main() -> int:
    """Run the faults and print the table. Returns 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--fuzz", type=int, default=0, metavar="REQUESTS", help="fuzz as well")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    options = parser.parse_args()
    quick = options.quick or os.environ.get("QUICK", "") not in ("", "0")
    unknown = set(options.faults) - set(FAULTS)
    if unknown:
        parser.error(f"there is no fault {', '.join(unknown)}")

    print(_line(*_HEAD))
    broken = 0
    for name, (fault, rounds, few) in FAULTS.items():
        if options.faults and name not in options.faults:
            continue
        begun = time.monotonic()
        outcome = fault(few if quick else rounds)
        _print(outcome, time.monotonic() - begun)
        broken += len(outcome.broken)
    if options.fuzz:
        broken += _fuzz(options.fuzz)
    print(f"\n{broken} promises were broken." if broken else "\nEvery promise was kept.")
    return 1 if broken else 0


def _print(outcome: Outcome, seconds: float) -> None:
    errors = ", ".join(f"{count} {kind}" for kind, count in sorted(outcome.errors.items()))
    print(
        _line(
            outcome.fault,
            str(outcome.rounds),
            f"{outcome.acknowledged:,}",
            str(outcome.lost),
            str(outcome.duplicated),
            f"{outcome.slowest:.1f} s" if outcome.slowest else "",
            errors or "none",
        )
    )
    for note in (*outcome.notes, f"took {seconds:.0f} s"):
        print(f"    {note}")
    for promise in outcome.broken:
        print(f"    BROKEN: {promise}")
    sys.stdout.flush()


def _line(fault: str, *cells: str) -> str:
    *columns, errors = cells
    return f"{fault:46}" + "".join(f"{cell:>13}" for cell in columns) + f"  {errors}"


def _fuzz(requests: int) -> int:
    print(f"\n{requests:,} fuzzed requests")
    sys.stdout.flush()
    command = [sys.executable, "-m", "tests.hostile", "--requests", str(requests)]
    return subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
