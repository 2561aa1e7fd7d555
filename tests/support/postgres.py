"""One real PostgreSQL for the whole run, with a separate database for each test."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import testing.postgresql
from psycopg import sql

from dreamlake_assets.local.postgres import binaries, testing_programs

#: No test checks durability after a machine crash, so nothing is flushed to disk.
_OPTIONS = (
    "-h 127.0.0.1 -F -c synchronous_commit=off -c full_page_writes=off -c max_connections=300"
    " -c logging_collector=off"
)

#: Names are UTF-8, regardless of the user's locale.
_INITDB_OPTIONS = "-U postgres -A trust -E UTF8 --no-locale"


class Server:
    """A PostgreSQL server with its own directory, on a free port of the loopback interface.

    :param programs: the directory of its programs; by default that of the installed ones.
    :param options: options of ``postgres``, besides those common to all tests.
    """

    def __init__(self, programs: Path | None = None, *, options: str = "") -> None:
        self._server = testing.postgresql.Postgresql(
            **testing_programs(programs or binaries(prefer_installed=True)),
            initdb_args=_INITDB_OPTIONS,
            postgres_args=f"{_OPTIONS} {options}",
        )
        self._numbers = itertools.count(1)

    @property
    def data_directory(self) -> Path:
        return Path(self._server.get_data_directory())

    @property
    def port(self) -> int:
        return self._server.dsn()["port"]

    def url(self, database: str = "postgres") -> str:
        """The URL of a database."""
        return self._server.url(database=database)

    def create_database(
        self, name: str, *, template: str = "template0", encoding: str = "UTF8"
    ) -> str:
        """Create a database and return its URL. Its template must have no open connections."""
        # FILE_COPY would force two checkpoints.
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING {} STRATEGY wal_log")
        self._administer(
            statement.format(sql.Identifier(name), sql.Identifier(template), sql.Literal(encoding))
        )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, even with open connections."""
        self._administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def database(self, *, template: str = "template0", encoding: str = "UTF8") -> Iterator[str]:
        """Create a copy of the template, yield its URL, and drop it at the end."""
        name = f"test_{next(self._numbers)}"
        yield self.create_database(name, template=template, encoding=encoding)
        self.drop_database(name)

    def log(self) -> str:
        """The server's log so far."""
        path = Path(self._server.base_dir or "", f"{self._server.name}.log")
        return path.read_text("utf-8", errors="replace")

    def stop(self) -> None:
        """Stop the server and remove its directory."""
        self._server.stop()

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)
