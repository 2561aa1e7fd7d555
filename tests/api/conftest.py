"""Fixtures: a client of the service, with an empty database or one shared by a module's tests.

By default a test runs direct: it calls the service in its own process. A test marked
``@pytest.mark.every_way`` runs three times: direct, over HTTP through nginx and gunicorn, and with
PgBouncer in front of the database. ``make check`` runs only the direct variant.

Mark a test when nginx or PgBouncer could change its outcome. Together, the marked tests cover every
endpoint and method, every statement, every error code, every header, streams, HEAD requests, the
largest bodies and unusual names. One example of each is enough: leave a table of bad values direct.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from flask.testing import FlaskClient

from dreamlake_assets.config import Settings, TokenSettings
from tests.conftest import add_namespace, headers_of, settings_of
from tests.support.api import TABLES, Api, serving
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import Server
from tests.support.roles import SERVICE, as_role
from tests.support.ways import through_nginx

Way = Callable[[Settings], Settings]
WithTokens = Callable[..., AbstractContextManager[Api]]

DIRECT = [pytest.param("direct", id="direct")]
#: All ways. Tests through nginx or PgBouncer also have the mark ``proxied``.
EVERY_WAY = [
    *DIRECT,
    *(pytest.param(proxy, id=proxy, marks=pytest.mark.proxied) for proxy in ("nginx", "pgbouncer")),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test direct, or every way if it has the mark ``every_way``."""
    if "way" in metafunc.fixturenames:
        ways = EVERY_WAY if metafunc.definition.get_closest_marker("every_way") else DIRECT
        metafunc.parametrize("way", ways, indirect=True, scope="session")


@pytest.fixture
def few_finalizers() -> None:
    """Run the finalizers of recent garbage, before a test that reaches the recursion limit.

    The service handles a RecursionError, but a finalizer that runs at the limit fails the test.
    """
    gc.collect(1)


@pytest.fixture(scope="session")
def way(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, server: Server
) -> Iterator[Way]:
    """How requests reach the service, and how the service reaches the database."""
    with ExitStack() as stack:
        if request.param == "nginx":
            stack.enter_context(through_nginx(tmp_path_factory.mktemp("nginx")))
        if request.param == "pgbouncer":
            yield stack.enter_context(running_pgbouncer(server.port)).settings
        else:
            yield lambda settings: settings


@pytest.fixture(scope="package")
def emptied_url(way: Way, server: Server, template: str) -> Iterator[str]:
    with server.database(template=template) as url:
        yield url


@pytest.fixture
def database_url(emptied_url: str) -> str:
    """An empty database. Emptying one is much faster than creating one."""
    with psycopg.connect(emptied_url, autocommit=True) as connection:
        connection.execute("".join(f"DELETE FROM {table};" for table in reversed(TABLES)))
    return emptied_url


@pytest.fixture
def settings(way: Way, database_url: str) -> Settings:
    """Settings in which the service has only the privileges granted by sql/roles.sql."""
    return way(settings_of(as_role(SERVICE, database_url)))


@pytest.fixture
def api(
    way: Way, client: FlaskClient, namespace: str, headers: Callable[..., dict[str, str]]
) -> Api:
    return Api(client, headers)


@pytest.fixture(scope="module")
def shared_url(way: Way, server: Server, template: str) -> Iterator[str]:
    """A database shared by the tests of a module, whose writes do not conflict."""
    with server.database(template=template) as url:
        yield url


@pytest.fixture(scope="module")
def shared_connection(shared_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(shared_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def shared_api(way: Way, shared_url: str, shared_connection: psycopg.Connection) -> Iterator[Api]:
    add_namespace(shared_connection)
    settings = way(settings_of(as_role(SERVICE, shared_url)))
    with serving(settings) as app:
        yield Api(app.test_client(), headers_of(settings))


@pytest.fixture
def with_tokens(settings: Settings) -> WithTokens:
    """Start the service with other token settings."""

    @contextmanager
    def with_tokens(**tokens: Any) -> Iterator[Api]:
        with serving(replace(settings, tokens=TokenSettings(**tokens))) as app:
            yield Api(app.test_client(), headers_of(settings))

    return with_tokens
