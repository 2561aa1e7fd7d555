"""The directory where gunicorn's workers count together, as the hooks of gunicorn.conf.py keep it.

It is made before the first worker, so that what a worker has counted outlives it, and is known by
the variable of prometheus_client alone: gunicorn.conf.py runs again at every SIGHUP.
"""

import os
import shutil
import tempfile
from contextlib import suppress

from dreamlake_assets import settings_file

_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def make() -> None:
    """Make the directory, also where no metrics are wanted: a SIGHUP may want them."""
    os.environ[_VARIABLE] = directory = tempfile.mkdtemp(prefix="dreamlake-assets-metrics-")
    # A SIGHUP with a bad setting brings this environment back.
    if settings_file.accepted is not None:
        settings_file.accepted[_VARIABLE] = directory


def path() -> str | None:
    """The directory; None in a process that counts for itself."""
    return os.environ.get(_VARIABLE)


def files() -> list[str]:
    """The paths of the files in which something is counted.

    :raises KeyError: this process counts for itself.
    """
    found = []
    for entry in os.scandir(os.environ[_VARIABLE]):
        # The gauges of a worker that has ended go while others look.
        with suppress(FileNotFoundError):
            if entry.stat().st_size:
                found.append(entry.path)
    return found


def forget(pid: int) -> None:
    """Take out what a worker that has ended said of the present; what it has counted stays."""
    # Imported before the directory is there, it would count for one process alone.
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

    mark_process_dead(pid, path())


def remove() -> None:
    """Remove the directory."""
    shutil.rmtree(os.environ.pop(_VARIABLE), ignore_errors=True)
