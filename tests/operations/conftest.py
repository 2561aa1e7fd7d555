"""The service as in production: gunicorn in separate processes, observed from outside."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import psycopg
import pytest

from dreamlake_assets import auth
from dreamlake_assets.config import TokenSettings
from tests.bench import servers
from tests.conftest import NAMESPACE, WRITER, add_namespace
from tests.support.api import PROJECT
from tests.support.http import HttpServer, answer
from tests.support.postgres import Server
from tests.support.waiting import until

LOCATION = "https://s3.example/bucket/key?X-Amz-Signature=the-signature-of-the-presigned-url"
BSS_TOKEN = "the-token-that-bss-asks-for"
SECONDS = 60
ROOT = Path(__file__).parents[2]


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True, slots=True)
class Service:
    """The service, and the file with its standard error.

    :param master: gunicorn's master process, which receives the signals.
    """

    port: int
    log: Path
    token: str
    master: psutil.Process

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        given = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {**given, **(headers or {})})
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def register(self, **fields: Any) -> Reply:
        body = {"namespace": NAMESPACE, "project": PROJECT, **fields}
        return self.ask("/assets/video", "POST", body)

    def download(self, path: str) -> Reply:
        query = f"namespace={NAMESPACE}&project={PROJECT}&path={path}"
        return self.ask(f"/assets/video/download?{query}")

    def lines(self) -> list[dict[str, Any]]:
        """The lines logged so far, parsed as JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def logged(self, reply: Reply, message: str = "request") -> dict[str, Any]:
        """Wait for the log line of a request."""
        return self.logged_of(reply.headers["X-Request-Id"], message)

    def logged_of(self, request_id: str, message: str = "request") -> dict[str, Any]:
        wanted = {"request_id": request_id, "message": message}.items()

        def found() -> list[dict[str, Any]]:
            return [line for line in self.lines() if wanted <= line.items()]

        until(lambda: len(found()) > 0)
        [line] = found()
        return line


@contextmanager
def running(database_url: str, bss_url: str, log: Path, **settings: str) -> Iterator[Service]:
    settings = {"DREAMLAKE_BSS_TOKEN": BSS_TOKEN, "WEB_CONCURRENCY": "2", **settings}
    application = "tests.operations.application:app"
    with servers.gunicorn(
        application, database_url, bss_url, log, directory=ROOT, **settings
    ) as server:
        token = auth.sign(TokenSettings(secret=servers.SECRET), WRITER, 3600)
        yield Service(server.port, log, token, server.process)


@pytest.fixture(scope="package")
def populated_url(server: Server, template: str) -> Iterator[str]:
    """A database with a namespace."""
    with server.database(template=template) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            add_namespace(connection)
        yield url


@pytest.fixture(scope="package")
def bss() -> Iterator[HttpServer]:
    with HttpServer(answer(302, {"Location": LOCATION})) as server:
        yield server
