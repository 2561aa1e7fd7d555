"""The log file, and the format of lines that do not belong to requests."""

import fcntl
import json
import logging
import os
import select
import sys
import threading

import pytest

from dreamlake_assets import trace
from dreamlake_assets.serving import logs
from dreamlake_assets.trace import Trace
from tests.support.gunicorn import worker_in_a_thread
from tests.support.waiting import until

LINE = b"x" * 99 + b"\n"


@pytest.fixture
def pipe():
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def read(reader: int, count: int) -> bytes:
    """Read ``count`` bytes, in as many reads as necessary."""
    seen = b""
    while len(seen) < count:
        seen += os.read(reader, count - len(seen))
    return seen


def test_lines_that_nobody_reads_are_dropped_and_counted(
    pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = pipe
    output = logs.Output(writer)
    output.start()

    for _ in range(3 * logs.CAPACITY):
        output.write(LINE)

    assert read(reader, logs.CAPACITY * len(LINE)) == LINE * logs.CAPACITY
    for _ in range(2):
        output.write(LINE)
        assert read(reader, len(LINE)) == LINE
    output.close()
    assert caplog.text.count("log lines: standard error was not read") == 1


def test_closing_writes_what_waits(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    output = logs.Output(writer)
    output.start()

    for number in range(100):
        output.write(f"{number}\n")
    output.close()

    assert os.read(reader, 4096).decode().split() == [str(number) for number in range(100)]


def test_closing_writes_what_came_while_others_were_written(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    output = logs.Output(writer)
    output.start()
    size = 2 * fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
    output.write(b"x" * size)
    seen = os.read(reader, 1)

    # The thread now waits for a reader, holding all the lines it had taken.
    output.write(b"the last words\n")
    closing = threading.Thread(target=output.close)
    closing.start()
    until(lambda: output._closing)
    while not seen.endswith(b"words\n"):
        assert select.select([reader], [], [], 10)[0], "the last words were not written"
        seen += os.read(reader, size)

    closing.join()


def test_a_process_that_is_about_to_fork_writes_at_once(pipe: tuple[int, int]) -> None:
    reader, writer = pipe

    logs.Output(writer).write("a\ud800b\n")

    assert os.read(reader, 4096) == b"a\\ud800b\n"


def test_what_cannot_be_written_is_lost() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    logs.Output(writer).write(LINE)
    os.close(writer)
    logs.Output(writer).write(LINE)
    logs.Output(None).write(LINE)


def test_a_line_holds_the_id_of_the_request_and_the_traceback(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    handler = logs.handler(logs.Output(writer), "json")
    trace.begin("an-id")
    try:
        raise ValueError("bad \ud800 \u2028\n")  # noqa: TRY301
    except ValueError:
        handler.handle(
            logging.LogRecord("name", logging.INFO, "", 0, "a\n%s", ("b",), sys.exc_info())
        )
    finally:
        trace.end()

    [line] = os.read(reader, 65536).splitlines()
    fields = json.loads(line)
    assert fields.pop("traceback").startswith("Traceback")
    assert fields.pop("time")
    assert fields == {
        "level": "INFO",
        "logger": "name",
        "message": "a\nb",
        "request_id": "an-id",
    }


def test_a_line_holds_the_id_of_the_trace(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    handler = logs.handler(logs.Output(writer), "json")
    trace.begin("an-id").trace_id = "0af7651916cd43dd8448eb211c80319c"
    try:
        handler.handle(logging.LogRecord("name", logging.INFO, "", 0, "a", None, None))
    finally:
        trace.end()

    fields = json.loads(os.read(reader, 65536))
    assert fields["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert fields["request_id"] == "an-id"


def test_the_line_of_a_request_has_what_is_known_of_it(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    write = logs.RequestLog(logs.Output(writer), "json", logging.INFO)
    request = Trace("an-id")
    write(request)
    request.error_reason, request.trace_id = "refused", "0af7651916cd43dd8448eb211c80319c"
    write(request)

    without, known = map(json.loads, os.read(reader, 65536).splitlines())
    assert {"reason", "trace_id"}.isdisjoint(without)
    assert (known["reason"], known["trace_id"]) == ("refused", "0af7651916cd43dd8448eb211c80319c")


def test_a_worker_of_the_tests_leaves_their_logs_alone() -> None:
    handlers = list(logging.getLogger().handlers)

    with worker_in_a_thread(lambda _environ, _start: []):
        assert logging.getLogger().handlers == handlers
        assert logs._request_log is None
