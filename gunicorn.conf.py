"""The configuration of gunicorn. Its command line and GUNICORN_CMD_ARGS override every value."""

import logging
import math
import sys
from typing import Any

from dreamlake_assets import deadlines, errors, limits, services, settings_file
from dreamlake_assets.config import Settings, SettingsError
from dreamlake_assets.database import files
from dreamlake_assets.serving import logs, metrics_directory


def _checked() -> Settings:
    """Read the settings, check the database schema, and take over the files of ``sql/``.

    :raises SettingsError: a setting is missing or bad.
    :raises FileError: a file of ``sql/`` is bad.
    :raises SchemaBehind: a migration is missing in the database.
    """
    settings_file.read()
    checked = services.read_settings()
    files.take_over(checked.database_url)
    return checked


try:
    settings = _checked()
    settings_file.accept()
except (SettingsError, files.FileError, errors.SchemaBehind) as error:
    # Checked before the fork: an error ends the start with one line, instead of one worker after
    # another.
    if settings_file.accepted is None:
        sys.exit(f"dreamlake_assets: {error}")
    # At a reload (SIGHUP) the new workers start with the previous settings.
    log = logging.getLogger("dreamlake_assets")
    log.error("%s; the previous settings stay in use", error)  # noqa: TRY400  (no traceback needed)
    settings_file.restore()
    settings = services.read_settings()

#: Processes; by default one for each core.
workers = settings.workers
loglevel = settings.log_level

#: Loopback only: nginx is the public server.
bind = f"127.0.0.1:{settings.port}"

#: Threads, because a request mostly waits: for PostgreSQL, its disk, or BSS.
worker_class = "dreamlake_assets.serving.worker.Worker"
threads = settings.threads

#: Seconds. nginx closes its idle connections earlier (deploy/nginx.conf), so it never sends a
#: request on a connection that gunicorn has just closed.
keepalive = 75

#: Seconds. Every running request ends within graceful_timeout. The main thread of a worker reports
#: to gunicorn regardless of its other threads, so timeout only ends a worker that hangs.
graceful_timeout = math.ceil(deadlines.request(settings.bss_timeout))
timeout = graceful_timeout + 10

limit_request_line = limits.REQUEST_LINE
limit_request_field_size = limits.HEADER

#: Unused, and it would create a socket file in the home directory of the service's user.
control_socket_disable = True

#: Gives all lines the same form. The service itself writes the lines of requests.
logger_class = logs.GunicornLogger


def pre_fork(server: Any, worker: Any) -> None:
    """Keep stop signals pending until the new worker can handle them, and give it a slot."""
    worker.before_fork()
    others = server.WORKERS.values()
    worker.slot = metrics_directory.assign_slot({other.slot for other in others})


def post_fork(_server: object, _worker: object) -> None:
    """Start the log thread of the worker, so that no request waits for the log to be read."""
    logs.output.start()


def when_ready(_server: object) -> None:
    """Create the metrics directory, before the first worker; not again at a reload."""
    metrics_directory.make()


def child_exit(_server: object, worker: Any) -> None:
    """Remove the gauges of an exited worker, and the worker from the balance."""
    metrics_directory.forget(worker.slot)
    worker.after_exit()


def on_exit(_server: object) -> None:
    """Remove the metrics directory."""
    metrics_directory.remove()
