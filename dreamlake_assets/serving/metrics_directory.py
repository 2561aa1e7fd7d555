"""The directory in which the metrics of gunicorn's workers are added up.

The hooks of gunicorn.conf.py create it before the first worker, so the counts of a worker outlive
it. gunicorn.conf.py runs again at each SIGHUP, so only the environment variable of
prometheus_client keeps the path.
"""

import os
import shutil
import tempfile
from collections.abc import Collection
from contextlib import suppress
from itertools import count

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

#: The slot of this worker, or of the next one to be forked.
_slot = 0


def make() -> None:
    """Create the directory, even if metrics are off: a reload may turn them on."""
    os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="dreamlake-assets-metrics-")


def path() -> str | None:
    """Return the directory, or None in a process that counts for itself."""
    return os.environ.get(_VARIABLE)


def slot() -> int:
    """The number that the files of this worker have in their names."""
    return _slot


def assign_slot(taken: Collection[int]) -> int:
    """Reserve the lowest free slot for the worker that is forked next, and return it.

    The worker goes on counting in the files of the former worker of the slot. So there are as many
    files as there were ever workers at once, however many have ended.
    """
    global _slot  # noqa: PLW0603
    _slot = next(number for number in count() if number not in taken)
    return _slot


def files() -> list[str]:
    """Return the paths of the files that are not empty.

    :raises KeyError: this process counts for itself.
    """
    paths = []
    for entry in os.scandir(os.environ[_VARIABLE]):
        # The master process may remove the gauges of an exited worker at this moment.
        with suppress(FileNotFoundError):
            if entry.stat().st_size:
                paths.append(entry.path)
    return paths


def forget(slot: int) -> None:
    """Remove the gauges of a worker that has exited. Its counters stay."""
    # prometheus_client, imported before the directory exists, counts for a single process.
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

    mark_process_dead(slot, path())


def remove() -> None:
    """Remove the directory."""
    shutil.rmtree(os.environ.pop(_VARIABLE), ignore_errors=True)
