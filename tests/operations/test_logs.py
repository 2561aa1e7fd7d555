"""What the service logs, and that nobody waits for it."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from dreamlake_assets.local.processes import accepts_connections
from tests.bench import servers
from tests.conftest import NAMESPACE, WRITER
from tests.operations.conftest import ROOT, SECONDS, Service, running, until
from tests.support.api import PROJECT
from tests.support.http import HttpServer, closed_port

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


def test_a_list_is_logged_when_it_has_been_sent(service: Service) -> None:
    service.register(name="/logs/b")

    reply = service.ask(LIST)

    line = service.logged(reply)
    assert "Content-Length" not in reply.headers
    assert (line["bytes"], line["complete"], line["roundtrips"]) == (len(reply.body), True, 1)


def test_a_list_that_nobody_read_to_its_end_is_not_complete(
    service: Service, populated_url: str
) -> None:
    with psycopg.connect(populated_url, autocommit=True) as connection:
        service.register(name="/long/0", project="long")
        for _ in range(17):
            connection.execute(
                "INSERT INTO asset (namespace_id, asset_id, space_id, kind, name, fps, lens)"
                " SELECT namespace_id, gen_random_uuid(), space_id, kind, name, fps, lens"
                " FROM asset WHERE name = '/long/0'"
            )
    request_id = "left-alone"
    with socket.create_connection(("127.0.0.1", service.port), SECONDS) as client:
        client.sendall(
            f"GET {LIST.replace(PROJECT, 'long')} HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {service.token}\r\nX-Request-Id: {request_id}\r\n\r\n".encode()
        )
        assert client.recv(64).startswith(b"HTTP/1.1 200")

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


def test_gunicorn_logs_in_the_same_form(service: Service) -> None:
    lines = [line for line in service.lines() if line.get("logger") == "gunicorn.error"]

    assert any("Listening at" in line["message"] for line in lines)
    assert any("Booting worker" in line["message"] for line in lines)
    for line in lines:
        assert datetime.fromisoformat(line["time"]).tzinfo == UTC
        assert line["message"]
        assert line["level"]


def test_text_is_for_people(populated_url: str, bss: HttpServer, tmp_path: Path) -> None:
    log = tmp_path / "service.log"
    with running(populated_url, bss.url, log, DREAMLAKE_LOG_FORMAT="text") as service:
        request_id = service.register(name="/logs/d").headers["X-Request-Id"]
        until(lambda: request_id in log.read_text())

    [line] = [line for line in log.read_text().splitlines() if request_id in line]
    assert re.match(r"\d\d:\d\d:\d\d INFO request request_id=", line)
    assert " method=POST route=/assets/<kind:kind> status=201 " in line


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
        # The buffer of a pipe is full after some two hundred lines.
        for _ in range(1_000):
            assert service.ask("/livez").status == 200
        os.set_blocking(reader, True)
        seen = b""
        while seen.count(b'"/livez"') < 1_000:
            seen += os.read(reader, 65536)
    os.close(reader)


def test_a_closed_standard_error_fails_no_request(populated_url: str, bss: HttpServer) -> None:
    port = closed_port()
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
        service = Service(port, Path(os.devnull), "")
        until(lambda: accepts_connections(port))
        assert service.ask("/readyz").status == 200
        assert service.ask("/broken").status == 500
    finally:
        process.terminate()
        assert process.wait(SECONDS) == 0
