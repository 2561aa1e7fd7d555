"""Brings the schema of a database up to date with ``sql/migrations/NNNN_words.sql``.

Weighed and left: yoyo-migrations (a killed run leaves its lock table locked), dbmate (no lock
between two runs), pgmigrate (a second driver). Each needs code around it for locks, timeouts and
checksums; that code is most of this file. :class:`Migration` says what a file may hold.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from dreamlake_assets.database.connection import Connection, Error, connect
from dreamlake_assets.database.queries import SQL_DIRECTORY, query
from dreamlake_assets.database.statements import fetch_all, fetch_one
from dreamlake_assets.errors import AssetsError, SchemaBehind

DIRECTORY = SQL_DIRECTORY / "migrations"

#: Seconds that a run waits for another one to end.
WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1

#: As PostgreSQL writes it. All other statements queue behind one that waits for a lock on a table,
#: so it must not wait for long.
LOCK_TIMEOUT = "5s"
_LOCK_NOT_AVAILABLE = "55P03"

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+")
_OUTSIDE_A_TRANSACTION = re.compile(r"^-- transaction: none$", re.MULTILINE)


class MigrationError(Exception):
    """The schema could not be brought up to date; the message is one line that says why."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A file of ``sql/migrations``.

    It runs in a transaction, and fails where it waits longer than ``LOCK_TIMEOUT`` for a lock. One
    that says ``-- transaction: none`` in a line of its own runs without, for CREATE INDEX
    CONCURRENTLY, which waits for transactions but lets reads and writes pass, so it may wait as
    long as it takes. It must be able to run again after a failure halfway (DROP INDEX CONCURRENTLY
    IF EXISTS, then CREATE).

    Each statement ends with a semicolon at the end of a line, and nothing else does: statements are
    sent one by one. Citus refuses DDL that comes with other statements.
    """

    version: int
    name: str
    script: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the script, in hexadecimal."""
        return sha256(self.script.encode()).hexdigest()

    @property
    def in_transaction(self) -> bool:
        """Whether the script runs in a transaction."""
        return _OUTSIDE_A_TRANSACTION.search(self.script) is None

    @property
    def statements(self) -> list[str]:
        """What is sent to the server, one after the other."""
        return [
            part
            for part in re.split(r"(?<=;)\s*$", self.script, flags=re.MULTILINE)
            if part.strip()
        ]


@dataclass(frozen=True, slots=True)
class Status:
    """The names of migrations, in order.

    :param applied: the database has them.
    :param pending: the database lacks them: it is behind.
    :param unknown: only the database knows them: it is ahead, which a migration has to allow for.
    """

    applied: list[str]
    pending: list[str]
    unknown: list[str]


def load(directory: Path = DIRECTORY) -> list[Migration]:
    """The migrations in a directory, in order.

    :raises MigrationError: the name of a file is not ``NNNN_words.sql``, or two have one number.
    """
    migrations: dict[int, Migration] = {}
    for path in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.stem)
        if match is None:
            raise MigrationError(f"{path.name} is no name of a migration; write 0042_words.sql")
        version = int(match[1])
        if version in migrations:
            raise MigrationError(f"{migrations[version].name}.sql and {path.name} have one number")
        migrations[version] = Migration(version, path.stem, path.read_text(encoding="utf-8"))
    return list(migrations.values())


def status(connection: Connection, *, directory: Path = DIRECTORY) -> Status:
    """Compare a database with the files.

    :raises MigrationError: a file was changed after it was applied.
    """
    migrations = load(directory)
    applied = _applied(connection)
    for migration in migrations:
        if migration.version in applied and applied[migration.version][1] != migration.checksum:
            raise MigrationError(
                f"{migration.name}.sql was changed after it was applied; restore it and put the"
                " change into a new migration"
            )
    known = {migration.version for migration in migrations}
    return Status(
        applied=[name for version, (name, _) in applied.items() if version in known],
        pending=[migration.name for migration in migrations if migration.version not in applied],
        unknown=[name for version, (name, _) in applied.items() if version not in known],
    )


def is_current(connection: Connection) -> bool:
    """Whether the database has every migration of this release, in one roundtrip."""
    return _released() <= _applied(connection).keys()


@cache
def require_current(database_url: str) -> None:
    """Refuse a database that lacks a migration of this release.

    One that cannot be asked may pass: it may come back, and until then ``/readyz`` says so. The
    answer is kept: what has started once is not ended by a reload.

    :raises SchemaBehind: the message names the migrations.
    """
    try:
        with connect(database_url) as connection:
            applied = _applied(connection)
    except AssetsError:
        return
    finally:
        # Workers are forks of this process, and read the files as they are by then.
        query.cache_clear()
    pending = [migration.name for migration in load() if migration.version not in applied]
    if pending:
        raise SchemaBehind(
            "the schema of the database is behind this service; run dreamlake-assets migrate,"
            f" which applies {', '.join(pending)}"
        )


def migrate(
    database_url: str,
    *,
    dry_run: bool = False,
    directory: Path = DIRECTORY,
    wait_seconds: float = WAIT_SECONDS,
    announce: Callable[[str], object] = lambda _name: None,
) -> list[str]:
    """Apply the migrations that a database lacks; of two runs at once, each is applied by one.

    :param database_url: of the server itself, not of a PgBouncer that pools transactions: the right
        to migrate belongs to a connection.
    :param dry_run: apply nothing.
    :param announce: is called with the name of each migration that was applied.
    :returns: the names of the migrations that were applied, or would be.
    :raises MigrationError: one fails or was changed after it was applied, or another run does not
        end.
    :raises DatabaseUnavailable: the database is away.
    """
    with connect(database_url) as connection:
        if dry_run:
            return status(connection, directory=directory).pending
        _wait_for_turn(connection, wait_seconds)
        pending = status(connection, directory=directory).pending
        for migration in load(directory):
            if migration.name in pending:
                _apply(connection, migration)
                announce(migration.name)
        return pending


@cache
def _released() -> frozenset[int]:
    return frozenset(migration.version for migration in load())


def _applied(connection: Connection) -> dict[int, tuple[str, str]]:
    """The name and the checksum of each migration that the database has, by version."""
    try:
        rows = fetch_all(connection, "schema_migration/list", {})
    except SchemaBehind:
        # The first migration makes the table.
        return {}
    return {version: (name, checksum) for version, name, checksum in rows}


def _wait_for_turn(connection: Connection, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while fetch_one(connection, "schema_migration/lock", {}) != (True,):
        if time.monotonic() > deadline:
            raise MigrationError(f"another run is under way and did not end within {seconds:g} s")
        time.sleep(_POLL_SECONDS)


def _apply(connection: Connection, migration: Migration) -> None:
    try:
        connection.execute("SET statement_timeout = 0")
        if migration.in_transaction:
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'".encode())
                # On a Citus cluster, where a table may be changed, and then one that refers to it,
                # over one connection only. Elsewhere the setting means nothing.
                connection.execute("SET LOCAL citus.multi_shard_modify_mode = 'sequential'")
                _run(connection, migration)
        else:
            connection.execute("SET lock_timeout = 0")
            _run(connection, migration)
    except Error as error:
        raise MigrationError(_explanation(migration, error)) from error


def _run(connection: Connection, migration: Migration) -> None:
    for statement in migration.statements:
        connection.execute(statement.encode())
    record = {"version": migration.version, "name": migration.name, "checksum": migration.checksum}
    fetch_one(connection, "schema_migration/insert", record)


def _explanation(migration: Migration, error: Error) -> str:
    if error.sqlstate == _LOCK_NOT_AVAILABLE:
        reason = (
            f"waited {LOCK_TIMEOUT} for a lock that another transaction holds;"
            " try again at a quieter time"
        )
    else:
        reason = " ".join(str(error).split())
    kept = (
        "nothing of it was kept" if migration.in_transaction else "run it again once this is mended"
    )
    return f"{migration.name}.sql: {reason} ({kept})"
