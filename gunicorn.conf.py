"""How gunicorn serves the service. Its command line and GUNICORN_CMD_ARGS override every value."""

import logging
import math
import os
import sys
from typing import Any

from dreamlake_assets import config as settings
from dreamlake_assets import deadlines, errors, logs, metrics_directory, migrations


def _checked() -> settings.Settings:
    """The settings, from the file that may have changed; every one of them is looked at.

    :raises SettingsError: one is missing or bad.
    :raises SchemaBehind: the database is.
    """
    settings.read_file()
    checked = settings.Settings.from_environment()
    settings.workers()
    settings.log_format()
    settings.log_level()
    migrations.require_current(checked.database_url)
    return checked


try:
    service = _checked()
    settings.accepted = dict(os.environ)
except (settings.SettingsError, errors.SchemaBehind) as error:
    # Here, before a worker is made: one line, and no worker that is made again and again.
    if settings.accepted is None:
        sys.exit(f"dreamlake_assets: {error}")
    # At SIGHUP. Who serves goes on serving, as before.
    log = logging.getLogger("dreamlake_assets")
    log.error("%s; nothing was changed", error)  # noqa: TRY400  (the line says all of it)
    os.environ.clear()
    os.environ.update(settings.accepted)
    service = settings.Settings.from_environment()

#: Processes: as many as the machine has cores.
workers = settings.workers()
loglevel = settings.log_level()

#: Loopback: nginx stands in front.
bind = f"127.0.0.1:{settings.port()}"

#: Threads, since a request waits most of its time for PostgreSQL, its disk, or BSS.
worker_class = "dreamlake_assets.worker.Worker"
threads = settings.threads()

#: Seconds. Longer than nginx keeps its connections to us, so that it never writes to one that has
#: just been closed.
keepalive = 75

#: Seconds: every request that runs ends within the first. A worker says all the time that it is
#: well, whatever its threads wait for.
graceful_timeout = math.ceil(deadlines.request(service.bss_timeout))
timeout = graceful_timeout + 10

#: A legal list request has up to 7 KB: the longest episode name and glob, escaped. Bytes.
limit_request_line = 8190
limit_request_field_size = 16380

#: Nobody uses it, and it would be a file in the home of whoever runs the service.
control_socket_disable = True

#: One form for all lines; each request has one, written by the service itself.
logger_class = logs.GunicornLogger


def pre_fork(_server: object, worker: Any) -> None:
    """Whoever tells a worker to stop as it starts is heard."""
    worker.is_about_to_start()


def post_fork(_server: object, _worker: object) -> None:
    """In a worker no request waits for whoever reads the log."""
    logs.output.start()


def when_ready(_server: object) -> None:
    """Before the first worker, and not again at SIGHUP: what workers count is kept together."""
    metrics_directory.make()


def child_exit(_server: object, worker: Any) -> None:
    """What a worker has counted stays; that it had so many connections does not."""
    metrics_directory.forget(worker.pid)
    worker.has_ended()


def on_exit(_server: object) -> None:
    """Nothing is left behind."""
    metrics_directory.remove()
