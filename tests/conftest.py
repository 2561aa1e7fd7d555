"""Fixtures: one PostgreSQL for the run; a migrated database and an application for each test."""

import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from dreamlake_assets import auth, create_app, store
from dreamlake_assets.config import Settings, TokenSettings
from dreamlake_assets.database.migrations import migrate
from tests.support import roles
from tests.support.postgres import Server
from tests.support.wire import WireProxy

TEMPLATE = "migrated"
SECRET = "a secret of the tests, which has enough bytes"

#: Defaults of most tests: a namespace, its writer and its reader.
NAMESPACE = "testuser"
WRITER = "test-001"
READER = "test-002"
STRANGER = "test-003"


#: Folders whose tests wait for long. They start first, so that they do not run alone at the end.
SLOW = ("tests/faults", "tests/openapi", "tests/local", "tests/operations")
#: Folders whose tests share little, so that each file may run in another process.
SEPARATE = {"tests/api", "tests/faults", "tests/sql", "tests/unit"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


class ByFolder(LoadScopeScheduling):
    """Runs the tests of a folder in one process: they share the servers that its fixtures start."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return file if folder in SEPARATE else folder


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFolder:
    return ByFolder(config, log)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """The name of a database with the schema and the roles, but no rows."""
    url = server.create_database(TEMPLATE)
    migrate(url, finish=True)
    roles.make(url)
    return TEMPLATE


@pytest.fixture
def database_url(server: Server, template: str) -> Iterator[str]:
    with server.database(template=template) as url:
        yield url


@pytest.fixture
def proxy(database_url: str) -> Iterator[WireProxy]:
    """A proxy between a test and its database."""
    with WireProxy.before(database_url) as proxy:
        yield proxy


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def settings_of(database_url: str) -> Settings:
    return Settings(
        database_url=database_url,
        on_cluster=True if "DREAMLAKE_TEST_CITUS" in os.environ else None,
        tokens=TokenSettings(secret=SECRET),
        bss_url="http://127.0.0.1:9",
        threads=2,
        cursor_secret=SECRET,
    )


def add_namespace(connection: psycopg.Connection) -> str:
    """Create a namespace with a writer and a reader."""
    store.namespace.create(connection, namespace=NAMESPACE)
    for subject, role in ((WRITER, "writer"), (READER, "reader")):
        store.namespace.add_member(connection, namespace=NAMESPACE, subject=subject, role=role)
    return NAMESPACE


def headers_of(settings: Settings) -> Callable[..., dict[str, str]]:
    """A function that returns the request headers of a subject, by default the writer."""

    def make(subject: str = WRITER) -> dict[str, str]:
        return {"Authorization": f"Bearer {auth.sign(settings.tokens, subject, 60)}"}

    return make


@pytest.fixture
def settings(database_url: str) -> Settings:
    return settings_of(database_url)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["dreamlake_assets"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def namespace(connection: psycopg.Connection) -> str:
    """A namespace with a writer and a reader."""
    return add_namespace(connection)


@pytest.fixture
def headers(settings: Settings) -> Callable[..., dict[str, str]]:
    """A function that returns the request headers of a subject: ``headers()`` for the writer."""
    return headers_of(settings)
