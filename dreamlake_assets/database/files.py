"""Reads and checks the files of ``sql/`` before the processes of gunicorn use them.

The first process does so at its start and at SIGHUP, and its forks inherit the files. So no worker
meets a file that was saved with a mistake, or that is only half saved.
"""

import logging
from time import monotonic

from psycopg import Error, pq
from psycopg.errors import InsufficientPrivilege, UndefinedTable, error_from_result
from psycopg.generators import execute

from dreamlake_assets import deadlines, errors
from dreamlake_assets.database import migrations, queries
from dreamlake_assets.database.connection import Connection, connect
from dreamlake_assets.database.heads import FILES, Head
from dreamlake_assets.database.queries import Files, numbered, placeholders, query
from dreamlake_assets.database.sqlstates import translated

_APPLIED_MIGRATIONS = "schema_migration/list"

_log = logging.getLogger(__name__)


class FileError(Exception):
    """A file of ``sql/`` cannot be used; the message is one line that names it."""


def take_over(database_url: str) -> None:
    """Read all files, check them, and use them from now on in this process and its forks.

    A database that is away cannot prepare the statements. If other files are in use then, they
    stay; else the new ones are used, as a service may start before its database.

    :raises FileError: a file cannot be read, differs from its head, or cannot be prepared.
    :raises SchemaBehind: the database lacks a migration.
    """
    former = queries.files
    files = _read()
    queries.use(files)
    taken_over = False
    try:
        for name in FILES:
            _check_head(name)
        with connect(database_url) as connection:
            connection.deadline = monotonic() + deadlines.DATABASE
            _check_statements(connection)
        taken_over = True
    except errors.SchemaBehind:
        raise
    except errors.AssetsError as error:
        taken_over = former is None or former == files
        if not taken_over:
            reason = " ".join(str(error).split())
            _log.warning("sql/ has changed, but cannot be checked; it was not read: %s", reason)
    finally:
        if not taken_over:
            queries.use(former)


def _read() -> Files:
    statements = {}
    for name in FILES:
        try:
            statements[name] = queries.read(name)
        except OSError as error:
            raise FileError(f"sql/{name}.sql cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise FileError(f"sql/{name}.sql is not UTF-8: {error.reason}") from None
    try:
        required = migrations.required(queries.SQL_DIRECTORY / "migrations")
    except (migrations.MigrationError, OSError, UnicodeDecodeError) as error:
        raise FileError(f"sql/migrations cannot be read: {error}") from None
    return Files(statements, required)


def _check_head(name: str) -> None:
    """Compare the parameters in a file's head with the placeholders in its statement."""
    statement = query(name).decode()
    used = placeholders(statement)
    if statement.count("%") != len(used):
        raise FileError(f"sql/{name}.sql has a % outside a placeholder such as %(name)s::text")
    try:
        described = {(each.name, each.type) for each in Head(name).parameters}
    except (LookupError, ValueError) as error:
        raise FileError(f"sql/{name}.sql has a malformed head: {error}") from None
    differing = sorted({parameter for parameter, _ in described ^ set(used)})
    if differing:
        differ = f"differ in {', '.join(differing)}"
        raise FileError(f"sql/{name}.sql: the parameters of head and statement {differ}")


def _check_statements(connection: Connection) -> None:
    """Prepare every statement.

    :raises FileError: PostgreSQL refuses a statement although the schema is current.
    :raises errors.AssetsError: the database is behind, away or slow.
    """
    # First the one that tells whether the schema is behind.
    for name in sorted(FILES, key=lambda name: name != _APPLIED_MIGRATIONS):
        try:
            _prepare(connection, numbered(query(name).decode()).encode())
        except InsufficientPrivilege:
            # Another role may run it, such as the one that migrates.
            continue
        except Error as error:
            meaning = translated(error)
            behind = isinstance(meaning, errors.SchemaBehind)
            if isinstance(meaning, errors.Unavailable) and not behind:
                raise meaning from error
            if name != _APPLIED_MIGRATIONS or isinstance(error, UndefinedTable):
                migrations.require_current(connection)
            raise FileError(f"sql/{name}.sql cannot be prepared: {error}") from None
    migrations.require_current(connection)


def _prepare(connection: Connection, statement: bytes) -> None:
    """Have PostgreSQL parse a statement, which it neither keeps nor runs.

    :raises psycopg.Error: PostgreSQL refuses it, or the connection is lost.
    """
    connection.pgconn.send_prepare(b"", statement)
    [result] = connection.wait(execute(connection.pgconn))
    if result.status == pq.ExecStatus.FATAL_ERROR:
        raise error_from_result(result, encoding="utf-8")
