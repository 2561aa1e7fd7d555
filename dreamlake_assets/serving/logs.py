"""Logs: a line for each request and for whatever else is said, as JSON, or as text for people.

All of it goes to the standard error, through :class:`Output`, which no request waits for. The line
of a request is made by hand: it takes 4 us, where the loggers of Python and of structlog took 16
and 12. Everything else goes through Python's own ``logging``.
"""

import atexit
import logging
import os
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from gunicorn.glogging import Logger
from pythonjsonlogger.json import JsonFormatter

from dreamlake_assets import config, trace
from dreamlake_assets.trace import Trace

Format = Literal["json", "text"]

#: Lines that wait for a reader who has stopped reading; beyond them lines are dropped.
CAPACITY = 10_000
#: Seconds in which lines are gathered, to be written at once.
GATHER_SECONDS = 0.05
#: Seconds that a process that ends gives to the lines that still wait.
CLOSE_SECONDS = 1.0

_STANDARD_ERROR = 2

_log = logging.getLogger(__name__)


class Output:
    """A file that many threads write lines to; none of them waits or fails.

    Until :meth:`start` lines are written at once, which is for a process that is about to fork.

    :param descriptor: of the file; None where there is none, and lines are lost.
    """

    def __init__(self, descriptor: int | None):
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._some = threading.Event()
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._closing = False

    def is_terminal(self) -> bool:
        """Whether a person watches."""
        return self._descriptor is not None and os.isatty(self._descriptor)

    def start(self) -> None:
        """Leave the writing to a thread of its own from now on, until the process ends."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def close(self) -> None:
        """Write what waits, if it can be written."""
        if self._thread is not None:
            self._closing = True
            self._some.set()
            self._thread.join(CLOSE_SECONDS)

    def write(self, line: str | bytes) -> None:
        """Write a line, with its end."""
        data = line.encode(errors="backslashreplace") if isinstance(line, str) else line
        if self._thread is None:
            self._put(data)
        elif len(self._lines) >= CAPACITY:
            self._dropped += 1
        else:
            self._lines.append(data)
            if not self._some.is_set():
                self._some.set()

    def flush(self) -> None:
        """What a stream must have; nobody has to wait."""

    def _run(self) -> None:
        while not self._closing:
            self._some.wait()
            if not self._closing:
                time.sleep(GATHER_SECONDS)
            self._some.clear()
            self._put_waiting()
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                _log.warning("%d lines were dropped: the log was not read", dropped)
        # What came while others were being written.
        self._put_waiting()

    def _put_waiting(self) -> None:
        self._put(b"".join(self._lines.popleft() for _ in range(len(self._lines))))

    def _put(self, data: bytes) -> None:
        if self._descriptor is not None:
            # A log that cannot be written is nothing that a client should hear of.
            with suppress(OSError):
                while data:
                    data = data[os.write(self._descriptor, data) :]


class RequestLog:
    """Writes a line for each request that is over: a listener of the observer."""

    def __init__(self, output: Output, form: Format, level: int):
        """Write to a file.

        :param level: of ``logging``; the line of a request is an error for status 500, a warning
            for the others from 500 on, else information.
        """
        self._output = output
        self._render = _json if form == "json" else _text
        self._level = level

    def __call__(self, here: Trace) -> None:
        """Write the line of a request, unless nobody wants it."""
        level = _level(here)
        if level < self._level:
            return
        self._output.write(
            self._render(
                {
                    "time": datetime.now(UTC),
                    "level": logging.getLevelName(level),
                    "message": "request",
                    "request_id": here.request_id,
                    "method": here.method,
                    "route": here.route,
                    "status": here.status,
                    "error": here.error_code,
                    "subject": here.subject,
                    "namespace": here.namespace,
                    "milliseconds": round((time.perf_counter() - here.started) * 1e3, 2),
                    "roundtrips": here.roundtrips,
                    "database_milliseconds": round(here.database_seconds * 1e3, 2),
                    "bss_milliseconds": round(here.bss_seconds * 1e3, 2),
                    "bytes": here.body_bytes,
                    "complete": here.complete,
                }
            )
        )


def _level(here: Trace) -> int:
    if here.status < 500:
        return logging.INFO
    return logging.ERROR if here.status == 500 else logging.WARNING


def _json(fields: dict[str, Any]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _text(fields: dict[str, Any]) -> str:
    when, level, message, *rest = fields.items()
    said = " ".join(f"{name}={value}" for name, value in rest if value is not None)
    return f"{when[1].astimezone():%H:%M:%S} {level[1]} {message[1]} {said}\n"


def handler(output: Output, form: Format) -> logging.Handler:
    """A handler of ``logging`` whose lines look like those of requests."""
    made = logging.StreamHandler(output)
    made.addFilter(_add_request_id)
    made.setFormatter(
        JsonFormatter(
            ["levelname", "message", "name"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            timestamp="time",
        )
        if form == "json"
        else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
    )
    return made


def _add_request_id(record: logging.LogRecord) -> bool:
    request_id = trace.current().request_id
    if request_id:
        record.request_id = request_id
    return True


#: Of this process. The number of a standard error that was closed may be another file's by now.
output = Output(None if sys.__stderr__ is None else _STANDARD_ERROR)
_handler: logging.Handler | None = None
_request_log: RequestLog | None = None


def configure(form: Format | None, level: str) -> None:
    """Say where and how this process and those that it forks write what they log.

    :param form: text on a terminal and else JSON, where it is None.
    :param level: what is below is dropped before it is formatted.
    """
    global _handler, _request_log  # noqa: PLW0603
    form = form or ("text" if output.is_terminal() else "json")
    number = logging.getLevelNamesMapping()[level.upper()]
    _request_log = RequestLog(output, form, number)
    root = logging.getLogger()
    if _handler is not None:
        root.removeHandler(_handler)
    _handler = handler(output, form)
    root.addHandler(_handler)
    root.setLevel(number)
    logging.captureWarnings(True)
    # What cannot be formatted must not be complained of where it cannot be written.
    logging.raiseExceptions = False


def log_request(here: Trace) -> None:
    """Log a request that is over, in a process that was configured to."""
    if _request_log is not None:
        _request_log(here)


class GunicornLogger(Logger):
    """Has gunicorn log as everything else; without its own line for each request."""

    def setup(self, cfg: Any) -> None:
        """Configure the logs of gunicorn, and so of its workers; again on every reload."""
        self.cfg = cfg
        configure(config.read("log_format"), cfg.loglevel)
        self.error_log.propagate = True

    @property
    def access_log_enabled(self) -> bool:
        """No: :class:`RequestLog` is there."""
        return False

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Nothing; see :class:`RequestLog`."""
