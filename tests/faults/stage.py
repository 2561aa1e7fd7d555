"""The system under test: PostgreSQL and the service, each in separate processes."""

import http.client
import itertools
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from dreamlake_assets import auth
from dreamlake_assets.config import TokenSettings
from dreamlake_assets.database.migrations import migrate
from dreamlake_assets.local.processes import free_port
from tests.bench import servers
from tests.conftest import NAMESPACE, WRITER, add_namespace
from tests.support.cluster import PostgresServer, running_postgres, running_standby

APPLICATION = "wsgi:app"
ROOT = Path(__file__).resolve().parents[2]


REGISTRATION = {
    "namespace": NAMESPACE,
    "project": "robotics",
    "episodeName": "run",
    "name": "/camera/front/run01.mp4",
    "bssVideoId": "a1b2c3",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, and its duration in seconds."""

    status: int
    code: str | None
    seconds: float


class Service(servers.Server):
    """The service, behind gunicorn."""

    def headers(self) -> dict[str, str]:
        """Return the headers of a request by a user with write access."""
        token = auth.sign(TokenSettings(secret=servers.SECRET), WRITER, 24 * 60 * 60)
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def memory(self) -> int:
        """Return the private memory of the workers, in bytes."""
        return sum(worker.memory_full_info().uss for worker in self.workers())

    def requests(self) -> Iterator[bytes]:
        """Generate endless registrations on one path, head and body."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers().items())
        for number in itertools.count():
            body = json.dumps({**REGISTRATION, "name": f"/camera/front/{number}.mp4"})
            yield (
                f"POST /assets/video HTTP/1.1\r\nHost: service\r\n{head}"
                f"Content-Length: {len(body)}\r\n\r\n{body}"
            ).encode()

    @staticmethod
    def download_path(name: str) -> str:
        """Return the path and query of a download."""
        return f"/assets/video/download?namespace={NAMESPACE}&project=robotics&path={name}"

    def downloads(self, name: str) -> Iterator[bytes]:
        """Endless downloads of one asset."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers().items())
        request = f"GET {self.download_path(name)} HTTP/1.1\r\nHost: service\r\n{head}\r\n"
        return itertools.repeat(request.encode())

    def ask(self, path: str, seconds: float = 60.0, body: Any = None) -> Reply:
        """Send a GET, or a POST with a body, on a new connection.

        :param seconds: timeout for the response.
        """
        reply, _ = self.reply(path, seconds, body)
        return reply

    def body(self, path: str) -> Any:
        """Return the body of a successful GET."""
        reply, content = self.reply(path)
        assert reply.status == 200, content
        return content

    def reply(self, path: str, seconds: float = 60.0, body: Any = None) -> tuple[Reply, Any]:
        """Send a request like :meth:`ask`, and return its body besides."""
        method, text = ("GET", None) if body is None else ("POST", json.dumps(body))
        headers = self.headers()
        begun = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request(method, path, text, headers)
            answer = connection.getresponse()
            received = answer.read()
        finally:
            connection.close()
        took = time.monotonic() - begun
        content = json.loads(received)
        code = content.get("code") if isinstance(content, dict) else None
        return Reply(answer.status, code, took), content


@contextmanager
def running_service(
    database_url: str,
    *,
    bss_url: str | None = None,
    directory: Path = ROOT,
    log: Path | None = None,
    **settings: str,
) -> Iterator[Service]:
    """Run the service with a database.

    :param directory: the project, or a copy of it.
    :param log: file for standard error; by default a temporary file.
    """
    bss_url = bss_url or f"http://127.0.0.1:{free_port()}"
    with (
        tempfile.TemporaryDirectory() as logs,
        servers.gunicorn(
            APPLICATION,
            database_url,
            bss_url,
            log or Path(logs) / "service.log",
            directory=directory,
            **settings,
        ) as server,
    ):
        yield Service(server.port, server.process)


@contextmanager
def running_database(*options: str) -> Iterator[PostgresServer]:
    """Run PostgreSQL with the schema and a namespace."""
    with running_postgres(*options) as database:
        migrate(database.url)
        with psycopg.connect(database.url, autocommit=True) as connection:
            add_namespace(connection)
        yield database


@contextmanager
def running_pair() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """Run a primary like ``running_database``, and a synchronous standby."""
    with (
        running_database() as primary,
        running_standby(primary) as standby,
        psycopg.connect(primary.url, autocommit=True) as connection,
    ):
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
        yield primary, standby
