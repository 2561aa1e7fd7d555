"""A database that no test changes."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.postgres import Server


@pytest.fixture(scope="module")
def session(server: Server, template: str) -> Iterator[psycopg.Connection]:
    with (
        server.database(template=template) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        yield connection


@pytest.fixture
def connection(session: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """A connection in a transaction that is rolled back."""
    with session.transaction(force_rollback=True):
        yield session
    session.execute("DEALLOCATE ALL")
