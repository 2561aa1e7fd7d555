"""The log of the service, which never delays a request."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg
import pytest

from dreamlake_assets.local.processes import accepts_connections, free_port
from tests.bench import servers
from tests.conftest import NAMESPACE, WRITER
from tests.operations.conftest import ROOT, SECONDS, Service, running
from tests.support.api import PROJECT
from tests.support.http import HttpServer
from tests.support.waiting import until

SECRET = "what-nobody-may-read-in-a-log"
LIST = f"/assets/video?namespace={NAMESPACE}&project={PROJECT}"


@pytest.fixture(scope="module")
def service(
    populated_url: str, bss: HttpServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    log = tmp_path_factory.mktemp("logs") / "service.log"
    with running(populated_url, bss.url, log, DREAMLAKE_LOG_LEVEL="debug") as service:
        yield service


def test_a_request_has_one_line(service: Service) -> None:
    reply = service.register(name="/logs/a", bssVideoId="v")

    line = service.logged(reply)

    assert reply.status == 201
    assert datetime.fromisoformat(line.pop("time")).tzinfo == UTC
    assert 0 < line.pop("database_milliseconds") < line.pop("milliseconds")
    assert line == {
        "level": "INFO",
        "message": "request",
        "request_id": reply.headers["X-Request-Id"],
        "method": "POST",
        "route": "/assets/<kind:kind>",
        "status": 201,
        "error": None,
        "subject": WRITER,
        "namespace": NAMESPACE,
        "roundtrips": 2,
        "bss_milliseconds": 0.0,
        "bytes": len(reply.body),
        "complete": True,
    }


def test_a_change_is_found_by_its_id_in_the_row(service: Service, populated_url: str) -> None:
    asset_id = json.loads(service.register(name="/logs/changed").body)["id"]
    path = f"/assets/video/{asset_id}"
    for method, of, body in (
        ("PATCH", path, {"tags": ["a"]}),
        ("DELETE", path, None),
        ("POST", f"{path}/restore", None),
    ):
        line = service.logged(service.ask(of, method, body))
        with psycopg.connect(populated_url) as connection:
            [(change_id,)] = connection.execute(
                "SELECT change_id::text FROM asset WHERE asset_id = %s", [asset_id]
            ).fetchall()
        assert line["change_id"] == change_id


def test_a_request_of_a_trace_is_found_by_the_id_of_the_trace(service: Service) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"

    reply = service.ask("/broken", headers={"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"})

    for message in ("request", f"request {reply.headers['X-Request-Id']} failed"):
        assert service.logged(reply, message)["trace_id"] == trace_id


def test_a_list_is_logged_when_it_has_been_sent(service: Service) -> None:
    service.register(name="/logs/b")

    reply = service.ask(LIST)

    line = service.logged(reply)
    assert "Content-Length" not in reply.headers
    assert (line["bytes"], line["complete"], line["roundtrips"]) == (len(reply.body), True, 1)


@pytest.fixture(scope="module")
def long_list(service: Service, populated_url: str) -> str:
    """The path of a list that is too long for the buffers between server and client."""
    with psycopg.connect(populated_url, autocommit=True) as connection:
        service.register(name="/long/0", project="long")
        for _ in range(17):
            connection.execute(
                "INSERT INTO asset (namespace_id, asset_id, space_id, kind, name, fps, lens)"
                " SELECT namespace_id, gen_random_uuid(), space_id, kind, name, fps, lens"
                " FROM asset WHERE name = '/long/0'"
            )
    return LIST.replace(PROJECT, "long")


@contextmanager
def beginning_of(service: Service, path: str, request_id: str) -> Iterator[socket.socket]:
    """A client that has read only the beginning of a response."""
    with socket.create_connection(("127.0.0.1", service.port), SECONDS) as client:
        client.sendall(
            f"GET {path} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {service.token}\r\nX-Request-Id: {request_id}\r\n\r\n".encode()
        )
        assert client.recv(64).startswith(b"HTTP/1.1 200")
        yield client


def test_a_list_that_nobody_read_to_its_end_is_not_complete(
    service: Service, long_list: str
) -> None:
    request_id = "left-alone"
    with beginning_of(service, long_list, request_id):
        pass

    line = service.logged_of(request_id)
    assert line["status"] == 200
    assert line["complete"] is False


def test_an_error_names_its_code(service: Service) -> None:
    line = service.logged(service.ask(f"{LIST}&limit=0"))
    assert (line["level"], line["status"], line["error"]) == ("INFO", 400, "invalid_request")
    assert line["subject"] == WRITER

    line = service.logged(service.ask("/auth/me", headers={"Authorization": "Bearer x"}))
    assert (line["level"], line["status"], line["error"]) == ("INFO", 401, "unauthenticated")
    assert line["subject"] is None

    line = service.logged(service.ask("/nope"))
    assert (line["route"], line["status"], line["error"]) == (None, 404, "not_found")


def test_a_download_says_how_long_bss_took(service: Service) -> None:
    service.register(name="/logs/c", bssVideoId="v")

    line = service.logged(service.download("/logs/c"))

    assert line["route"] == "/assets/<kind:kind>/download"
    assert 0 < line["bss_milliseconds"] < line["milliseconds"]


def test_what_nobody_expected_is_one_line_with_its_traceback(service: Service) -> None:
    reply = service.ask("/broken")

    line = service.logged(reply, f"request {reply.headers['X-Request-Id']} failed")
    assert reply.status == 500
    assert line["level"] == "ERROR"
    assert line["logger"] == "dreamlake_assets.app"
    assert line["traceback"].startswith("Traceback (most recent call last):")
    assert line["traceback"].endswith("ZeroDivisionError: integer division or modulo by zero")
    told = service.logged(reply)
    assert (told["level"], told["status"], told["error"]) == ("ERROR", 500, "internal_error")


def test_an_error_of_the_database_that_nobody_expected_has_its_traceback(
    service: Service, populated_url: str
) -> None:
    with refusing_with_a_secret(populated_url):
        reply = service.register(name="/logs/refused", metadata={"secret": SECRET})

    line = service.logged(reply, f"request {reply.headers['X-Request-Id']} failed")
    assert reply.status == 500
    assert json.loads(reply.body) == {
        "error": "The service failed unexpectedly; its log has the details under this request id.",
        "code": "internal_error",
        "requestId": reply.headers["X-Request-Id"],
    }
    assert "psycopg.errors.RaiseException: P0001: This is broken.\n" in line["traceback"]
    assert SECRET not in service.log.read_text()


@contextmanager
def refusing_with_a_secret(url: str) -> Iterator[None]:
    """A database that refuses /logs/refused with an error that contains a secret."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
            " BEGIN RAISE 'This is broken.' USING DETAIL = NEW.metadata; END $$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON asset"
            " FOR EACH ROW WHEN (NEW.name = '/logs/refused') EXECUTE FUNCTION refuse();"
        )
        yield
        connection.execute("DROP FUNCTION refuse CASCADE")


def test_a_list_that_breaks_off_is_found_by_its_id(
    service: Service, long_list: str, populated_url: str
) -> None:
    request_id = "broken-off"
    with beginning_of(service, long_list, request_id) as client:
        with psycopg.connect(populated_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'active'"
                " AND query LIKE '/* asset/list%'"
            )
        while client.recv(65_536):
            pass

    line = service.logged_of(request_id)
    assert (line["status"], line["error"]) == (200, "database_unavailable")
    assert line["complete"] is False

    def told() -> list[str]:
        of_request = f"Request id: {request_id}"
        return [
            line["level"] for line in service.lines() if of_request in line.get("traceback", "")
        ]

    # The error may be logged a moment after the line of the request.
    until(lambda: len(told()) > 0)
    assert told() == ["ERROR"]


def test_what_is_no_request_is_found_by_the_id_of_its_answer(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), SECONDS) as client:
        client.sendall(b"nonsense\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))

    request_id = json.loads(answer.partition(b"\r\n\r\n")[2])["requestId"]
    line = service.logged_of(request_id, "refused an invalid request: InvalidRequestLine")
    assert line["level"] == "WARNING"


def test_gunicorn_logs_in_the_same_form(service: Service) -> None:
    lines = [line for line in service.lines() if line.get("logger") == "gunicorn.error"]

    assert any("Listening at" in line["message"] for line in lines)
    assert any("Booting worker" in line["message"] for line in lines)
    for line in lines:
        assert datetime.fromisoformat(line["time"]).tzinfo == UTC
        assert line["message"]
        assert line["level"]


def test_a_bad_setting_at_a_reload_is_logged_in_the_same_form(
    populated_url: str, bss: HttpServer, tmp_path: Path
) -> None:
    log, file = tmp_path / "service.log", tmp_path / "settings"
    file.touch()
    with running(populated_url, bss.url, log, DREAMLAKE_SETTINGS_FILE=str(file)) as service:
        file.write_text("DREAMLAKE_THREADS=0\n")
        service.master.send_signal(signal.SIGHUP)
        until(lambda: "the previous settings stay in use" in log.read_text())
        [line] = [
            line
            for line in service.lines()
            if "the previous settings stay in use" in line["message"]
        ]

    assert line["level"] == "ERROR"
    assert line["message"].startswith("DREAMLAKE_THREADS must be")


def test_text_is_for_people(populated_url: str, bss: HttpServer, tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with running(populated_url, bss.url, log, DREAMLAKE_LOG_FORMAT="text") as service:
        request_id = service.register(name="/logs/d").headers["X-Request-Id"]
        until(lambda: request_id in log.read_text())

    [line] = [line for line in log.read_text().splitlines() if request_id in line]
    assert re.match(r"\d\d:\d\d:\d\d INFO request request_id=", line)
    assert " method=POST route=/assets/<kind:kind> status=201 " in line
    # The text format omits fields that are null in JSON.
    assert "error=" not in line


def test_a_terminal_shows_text(populated_url: str, bss: HttpServer) -> None:
    ours, theirs = os.openpty()
    seen = b""
    try:
        with running(populated_url, bss.url, Path(os.ttyname(theirs))) as service:
            request_id = service.ask("/livez").headers["X-Request-Id"].encode()
            while request_id not in seen:
                seen += os.read(ours, 65536)
    finally:
        os.close(theirs)
        os.close(ours)
    assert b"INFO gunicorn.error: Starting gunicorn" in seen
    assert b"INFO request request_id=" + request_id in seen


def test_below_its_level_nothing_is_logged(
    populated_url: str, bss: HttpServer, tmp_path: Path
) -> None:
    log = tmp_path / "service.log"
    with running(populated_url, bss.url, log, DREAMLAKE_LOG_LEVEL="warning") as service:
        assert service.ask("/livez").status == 200
        assert service.logged(service.ask("/broken"))["status"] == 500
        assert {line["level"] for line in service.lines()} == {"ERROR"}


def test_a_log_that_nobody_reads_holds_up_no_request(
    populated_url: str, bss: HttpServer, tmp_path: Path
) -> None:
    log = tmp_path / "service.log"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    with running(populated_url, bss.url, log) as service:
        # About two hundred lines fill the buffer of a pipe.
        for _ in range(1_000):
            assert service.ask("/livez").status == 200
        os.set_blocking(reader, True)
        seen = b""
        while seen.count(b'"/livez"') < 1_000:
            seen += os.read(reader, 65536)
    os.close(reader)


def test_a_closed_standard_error_fails_no_request(populated_url: str, bss: HttpServer) -> None:
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": populated_url,
        "DREAMLAKE_BSS_URL": bss.url,
        "DREAMLAKE_JWT_SECRET": servers.SECRET,
        "PORT": str(port),
    }
    command = f"exec {sys.executable} -m gunicorn tests.operations.application:app 2>&-"
    process = subprocess.Popen(["sh", "-c", command], cwd=ROOT, env=environment)
    try:
        service = Service(port, Path(os.devnull), "", psutil.Process(process.pid))
        until(lambda: accepts_connections(port))
        assert service.ask("/readyz").status == 200
        assert service.ask("/broken").status == 500
    finally:
        process.terminate()
        assert process.wait(SECONDS) == 0
