"""How gunicorn serves the service. Its command line and GUNICORN_CMD_ARGS override every value."""

import logging
import math
import os
import sys
from typing import Any

from dreamlake_assets import deadlines, errors, limits, services, settings_file
from dreamlake_assets.config import Settings, SettingsError
from dreamlake_assets.database import migrations
from dreamlake_assets.serving import logs, metrics_directory


def _checked() -> Settings:
    """The settings, from the file that may have changed.

    :raises SettingsError: a setting is missing or bad.
    :raises SchemaBehind: the database lacks a migration.
    """
    settings_file.read()
    checked = services.read_settings()
    migrations.require_current(checked.database_url)
    return checked


try:
    settings = _checked()
    settings_file.accepted = dict(os.environ)
except (SettingsError, errors.SchemaBehind) as error:
    # Checked here, before the fork: one line, and no worker that is started again and again.
    if settings_file.accepted is None:
        sys.exit(f"dreamlake_assets: {error}")
    # At SIGHUP the workers go on with the settings that they have.
    log = logging.getLogger("dreamlake_assets")
    log.error("%s; nothing was changed", error)  # noqa: TRY400  (the line says all of it)
    os.environ.clear()
    os.environ.update(settings_file.accepted)
    settings = services.read_settings()

#: Processes: as many as the machine has cores.
workers = settings.workers
loglevel = settings.log_level

#: Loopback: nginx stands in front.
bind = f"127.0.0.1:{settings.port}"

#: Threads, since a request waits most of its time for PostgreSQL, its disk, or BSS.
worker_class = "dreamlake_assets.serving.worker.Worker"
threads = settings.threads

#: Seconds. Longer than nginx keeps its connections to us, so that it never writes to one that has
#: just been closed.
keepalive = 75

#: Seconds: every request that runs ends within the first. A worker says all the time that it is
#: well, whatever its threads wait for.
graceful_timeout = math.ceil(deadlines.request(settings.bss_timeout))
timeout = graceful_timeout + 10

limit_request_line = limits.REQUEST_LINE
limit_request_field_size = limits.HEADER

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
