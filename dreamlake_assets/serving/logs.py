"""Logs on standard error: one line for each request and each event, as JSON or as text.

All lines pass through :class:`Output`, so that no request waits for the log. The line of a request
is built by hand, which takes 4 us; Python's ``logging`` took 16 us and structlog 12. All other
lines come from Python's ``logging``.
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

#: The lines that wait for standard error to be read. Further lines are dropped.
CAPACITY = 10_000
#: Seconds during which lines are collected, to be written together.
GATHER_SECONDS = 0.05
#: Seconds that an ending process spends on writing the lines that still wait.
CLOSE_SECONDS = 1.0

_STANDARD_ERROR = 2

_log = logging.getLogger(__name__)


class Output:
    """A file to which threads write lines without ever waiting or failing.

    Before :meth:`start`, lines are written immediately. gunicorn's master process stays in that
    state, because a thread does not survive a fork.

    :param descriptor: the descriptor of the file, or None to discard all lines.
    """

    def __init__(self, descriptor: int | None):
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._has_lines = threading.Event()
        self._dropped = 0
        self._thread: threading.Thread | None = None
        self._closing = False

    def is_terminal(self) -> bool:
        """Return whether the file is a terminal."""
        return self._descriptor is not None and os.isatty(self._descriptor)

    def start(self) -> None:
        """Start a thread that writes the lines until the process ends."""
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def close(self) -> None:
        """Write the waiting lines, within ``CLOSE_SECONDS``."""
        if self._thread is not None:
            self._closing = True
            self._has_lines.set()
            self._thread.join(CLOSE_SECONDS)

    def write(self, line: str | bytes) -> None:
        """Write a line, or drop it if ``CAPACITY`` lines wait already.

        :param line: with its line break.
        """
        data = line.encode(errors="backslashreplace") if isinstance(line, str) else line
        if self._thread is None:
            self._write_now(data)
        elif len(self._lines) >= CAPACITY:
            self._dropped += 1
        else:
            self._lines.append(data)
            if not self._has_lines.is_set():
                self._has_lines.set()

    def flush(self) -> None:
        """Do nothing. ``logging`` requires this method of its streams."""

    def _run(self) -> None:
        while not self._closing:
            self._has_lines.wait()
            if not self._closing:
                time.sleep(GATHER_SECONDS)
            self._has_lines.clear()
            self._write_waiting()
            if self._dropped:
                dropped, self._dropped = self._dropped, 0
                _log.warning("dropped %d log lines: standard error was not read", dropped)
        # Lines that arrived during the last write.
        self._write_waiting()

    def _write_waiting(self) -> None:
        self._write_now(b"".join(self._lines.popleft() for _ in range(len(self._lines))))

    def _write_now(self, data: bytes) -> None:
        if self._descriptor is not None:
            # A failure of the log must not fail a request.
            with suppress(OSError):
                while data:
                    data = data[os.write(self._descriptor, data) :]


class RequestLog:
    """The request log: a listener of the observer that writes one line for each request."""

    def __init__(self, output: Output, form: Format, level: int):
        """Write to a file.

        :param level: the lowest level of ``logging`` that is written. A request with status 500 is
            an error, with a higher status a warning, and otherwise information.
        """
        self._output = output
        self._render = _json if form == "json" else _text
        self._level = level

    def __call__(self, request: Trace) -> None:
        """Write the line of a request, if its level is logged."""
        level = _level(request)
        if level < self._level:
            return
        line = {
            "time": datetime.now(UTC),
            "level": logging.getLevelName(level),
            "message": "request",
            "request_id": request.request_id,
            "method": request.method,
            "route": request.route,
            "status": request.status,
            "error": request.error_code,
            "subject": request.subject,
            "namespace": request.namespace,
            "milliseconds": round((time.perf_counter() - request.started) * 1e3, 2),
            "roundtrips": request.roundtrips,
            "database_milliseconds": round(request.database_seconds * 1e3, 2),
            "bss_milliseconds": round(request.bss_seconds * 1e3, 2),
            "bytes": request.body_bytes,
            "complete": request.complete,
        }
        if request.assets is not None:
            line["assets"] = request.assets
        if request.change_id is not None:
            line["change_id"] = request.change_id
        if request.error_reason is not None:
            line["reason"] = request.error_reason
        if request.trace_id is not None:
            line["trace_id"] = request.trace_id
        self._output.write(self._render(line))


def _level(request: Trace) -> int:
    if request.status < 500:
        return logging.INFO
    return logging.ERROR if request.status == 500 else logging.WARNING


def _json(fields: dict[str, Any]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _text(fields: dict[str, Any]) -> str:
    when, level, message, *rest = fields.items()
    values = " ".join(f"{name}={value}" for name, value in rest if value is not None)
    return f"{when[1].astimezone():%H:%M:%S} {level[1]} {message[1]} {values}\n"


def handler(output: Output, form: Format) -> logging.Handler:
    """Return a handler of ``logging`` that writes lines in the form of the request log."""
    stream_handler = logging.StreamHandler(output)
    stream_handler.addFilter(_add_ids)
    stream_handler.setFormatter(
        JsonFormatter(
            ["levelname", "message", "name"],
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "traceback"},
            timestamp="time",
        )
        if form == "json"
        else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
    )
    return stream_handler


def _add_ids(record: logging.LogRecord) -> bool:
    request = trace.current()
    if request.request_id:
        record.request_id = request.request_id
    if request.trace_id is not None:
        record.trace_id = request.trace_id
    return True


#: The output of this process. ``sys.__stderr__`` is None if standard error was closed at the start;
#: its descriptor may belong to another file by now.
output = Output(None if sys.__stderr__ is None else _STANDARD_ERROR)
_handler: logging.Handler | None = None
_request_log: RequestLog | None = None


def configure(form: Format | None, level: str) -> None:
    """Configure the logs of this process and of the processes that it forks.

    :param form: ``json`` or ``text``; None chooses text on a terminal, and otherwise JSON.
    :param level: the name of the lowest level that is written, such as ``info``.
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
    # Otherwise logging prints a traceback for each record that it cannot format, straight to
    # standard error, which may block or be closed.
    logging.raiseExceptions = False


def log_request(request: Trace) -> None:
    """Write a line to the request log, if :func:`configure` has set one up."""
    if _request_log is not None:
        _request_log(request)


class GunicornLogger(Logger):
    """The logger of gunicorn, writing in the form of all other lines, without an access log."""

    def setup(self, cfg: Any) -> None:
        """Configure the logs of gunicorn and its workers. Runs at the start and at each reload."""
        self.cfg = cfg
        configure(config.read("log_format"), cfg.loglevel)
        self.error_log.propagate = True

    @property
    def access_log_enabled(self) -> bool:
        """Disabled: :class:`RequestLog` takes its place."""
        return False

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Do nothing: :class:`RequestLog` takes its place."""
