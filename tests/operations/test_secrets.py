"""No request puts a secret in the logs, even at the most verbose level."""

import socket
from pathlib import Path

import pytest

from tests.bench import servers
from tests.conftest import NAMESPACE
from tests.operations.conftest import BSS_TOKEN, LOCATION, SECONDS, Service, running
from tests.support.http import HttpServer
from tests.support.waiting import until

KEY = "the-idempotency-key-of-a-client"

BAD = [
    "GET /x {token} HTTP/1.1\r\nHost: x\r\n\r\n",
    "{token}\r\n\r\n",
    "GET /livez HTTP/{token}\r\nHost: x\r\n\r\n",
    "GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {token}: x\r\n\r\n",
    "GET /livez HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\0\r\n\r\n",
    "GET /livez HTTP/1.1\r\nHost: x\r\nX: a\r\n {token}\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {token}\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: {token}\r\n\r\n",
    "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{token}\r\n\r\n",
]


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_secret_is_logged(
    populated_url: str, bss: HttpServer, tmp_path: Path, form: str
) -> None:
    log = tmp_path / "service.log"
    settings = {"DREAMLAKE_LOG_LEVEL": "debug", "DREAMLAKE_LOG_FORMAT": form}
    with running(populated_url, bss.url, log, **settings) as service:
        body = {"namespace": NAMESPACE, "project": "secrets", "name": "/a", "bssVideoId": "v"}
        for given in (body, {**body, "name": 1}):
            service.ask("/assets/video", "POST", given, {"Idempotency-Key": KEY})
        service.ask("/assets/video", "POST", body, {"Idempotency-Key": f"{KEY} "})
        service.register(name="/secrets/a", bssVideoId="v")
        assert LOCATION.encode() in service.download("/secrets/a").body
        service.ask("/auth/me", headers={"Authorization": f"Bearer {service.token}x"})
        service.ask("/broken")
        for request in BAD:
            received = sent(service, request.format(token=service.token))
            assert received.startswith(b"HTTP/1.1 "), request
            assert b"Server: gunicorn/" not in received
            assert service.token.encode() not in received
        last = service.ask("/livez").headers["X-Request-Id"]
        until(lambda: last in log.read_text())

    logged = log.read_text()
    assert "refused an invalid request" in logged
    for secret in (service.token, servers.SECRET, BSS_TOKEN, LOCATION.partition("?")[2], KEY):
        assert secret not in logged


def sent(service: Service, request: str) -> bytes:
    """Send text that need not be valid HTTP, and return the response."""
    with socket.create_connection(("127.0.0.1", service.port), SECONDS) as client:
        client.sendall(request.encode())
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65_536), b""))
