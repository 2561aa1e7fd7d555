"""The service's worker in a thread of this process, so that tests can inspect the application."""

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from gunicorn.app.base import Application
from gunicorn.sock import create_sockets

from dreamlake_assets.database import queries
from dreamlake_assets.serving.logs import GunicornLogger
from dreamlake_assets.serving.worker import Worker

CONFIGURATION = Path(__file__).parents[2] / "gunicorn.conf.py"

#: Names the application that handles a request; each test has its own application.
APPLICATION_HEADER = "X-Test-Application"


#: gunicorn.conf.py requires these settings; each application has its own.
_ENVIRONMENT = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing",
    "DREAMLAKE_JWT_SECRET": "of an application that nobody makes",
}


class Applications:
    """A WSGI application that forwards requests to the applications of the tests."""

    def __init__(self) -> None:
        self._applications: dict[str, WSGIApplication] = {}

    def name(self, application: WSGIApplication) -> str:
        """Register an application and return the value of its APPLICATION_HEADER."""
        name = str(id(application))
        self._applications[name] = application
        return name

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        name = environ.pop(f"HTTP_{APPLICATION_HEADER.upper().replace('-', '_')}")
        return self._applications[name](environ, start_response)


class _Worker(Worker):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.runs = threading.Event()

    def run(self) -> None:
        self.runs.set()
        super().run()

    def init_signals(self) -> None:
        """Leave the signals to pytest: this worker has no process of its own."""


class _Logger(GunicornLogger):
    def setup(self, cfg: Any) -> None:
        """Leave the logs of this process to pytest."""
        self.cfg = cfg
        self.error_log.propagate = True


class _Gunicorn(Application):
    """gunicorn with the settings of gunicorn.conf.py and no command-line options."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        super().__init__()

    def load_config(self) -> None:
        self.load_config_from_file(str(CONFIGURATION))

    def load(self) -> Any:
        return self._application


def _gunicorn(application: WSGIApplication) -> _Gunicorn:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _ENVIRONMENT.items():
            patch.setenv(name, value)
        # Other tests read the files of sql/ from the disk.
        patch.setattr(queries, "files", None)
        return _Gunicorn(application)


def configuration() -> Any:
    """The settings of gunicorn.conf.py, with no other settings."""
    return _gunicorn(Applications()).cfg


@contextmanager
def worker_in_a_thread(application: WSGIApplication) -> Iterator[int]:
    """Serve an application on 127.0.0.1 and yield the port."""
    gunicorn = _gunicorn(application)
    gunicorn.cfg.set("bind", "127.0.0.1:0")
    gunicorn.cfg.set("logger_class", _Logger)
    log = gunicorn.cfg.logger_class(gunicorn.cfg)
    listeners: list[Any] = create_sockets(gunicorn.cfg, log)
    port = listeners[0].getsockname()[1]
    worker = _Worker(1, os.getppid(), listeners, gunicorn, 0, gunicorn.cfg, log)
    thread = threading.Thread(target=worker.init_process, name="gunicorn")
    thread.start()
    try:
        # The worker cannot be stopped before it runs.
        assert worker.runs.wait(60)
        yield port
    finally:
        # The worker also closes the listeners.
        worker.handle_exit(signal.SIGTERM, None)
        thread.join()
        worker.tmp.close()
