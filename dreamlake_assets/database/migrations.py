"""Migrations: apply the files ``sql/migrations/NNNN_words.sql`` to a database.

Existing tools were considered and not used: yoyo-migrations (a killed run leaves its lock table
locked), dbmate (no lock between two runs), pgmigrate (needs a second driver). Each needs extra code
for locks, timeouts and checksums, and that code is most of this module. :class:`Migration`
describes the format of a file.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from dreamlake_assets.database import queries
from dreamlake_assets.database.connection import Connection, Error, connect
from dreamlake_assets.database.queries import SQL_DIRECTORY
from dreamlake_assets.database.statements import fetch_all, fetch_one, one_flight
from dreamlake_assets.errors import SchemaBehind

DIRECTORY = SQL_DIRECTORY / "migrations"

#: Seconds to wait for another run to finish.
WAIT_SECONDS = 60.0
_POLL_SECONDS = 0.1

#: In the notation of PostgreSQL. While a migration waits for a lock on a table, later statements on
#: that table wait behind it, so the timeout is short.
LOCK_TIMEOUT = "5s"
_LOCK_NOT_AVAILABLE = "55P03"

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+")
_OUTSIDE_A_TRANSACTION = re.compile(r"^-- transaction: none$", re.MULTILINE)
_FINISHES = re.compile(r"^-- phase: finish$", re.MULTILINE)


class MigrationError(Exception):
    """The migrations could not be applied; the message is one line that gives the reason."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A file of ``sql/migrations``.

    A migration runs in a transaction. It fails when it waits longer than ``LOCK_TIMEOUT`` for a
    lock.

    A file with the line ``-- transaction: none`` runs outside a transaction, for CREATE INDEX
    CONCURRENTLY. That statement waits for transactions but does not block reads and writes, so it
    has no lock timeout. The file must be safe to run again after it failed halfway: DROP INDEX
    CONCURRENTLY IF EXISTS, then CREATE.

    A file with the line ``-- phase: finish`` removes what only the previous release needs. It is
    applied by ``migrate --finish``, when no process of that release is left. The service does not
    require it.

    Statements are sent one by one, because Citus refuses DDL that is sent with other statements.
    Each statement ends with a semicolon at the end of a line. No other line ends with a semicolon.
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
    def finishes(self) -> bool:
        """Whether the script must wait until no process of the previous release is left."""
        return _FINISHES.search(self.script) is not None

    @property
    def statements(self) -> list[str]:
        """The statements, in the order in which they are sent."""
        return [
            part
            for part in re.split(r"(?<=;)\s*$", self.script, flags=re.MULTILINE)
            if part.strip()
        ]


@dataclass(frozen=True, slots=True)
class Status:
    """The names of migrations, in order.

    :param applied: migrations that the database has.
    :param pending: migrations that the database lacks. The schema is behind this release.
    :param finishing: migrations that the database lacks and ``migrate --finish`` applies. The
        service does not require them.
    :param unknown: migrations of a later release that the database has. The schema is ahead, and
        every migration must keep the previous release working.
    """

    applied: list[str]
    pending: list[str]
    finishing: list[str]
    unknown: list[str]


def load(directory: Path = DIRECTORY) -> list[Migration]:
    """Read the migrations of a directory, in order.

    :raises MigrationError: the name of a file is not of the form ``NNNN_words.sql``, or two files
        have the same number.
    """
    migrations: dict[int, Migration] = {}
    for path in sorted(directory.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.stem)
        if match is None:
            raise MigrationError(
                f"{path.name} is not a name of a migration; use the form 0042_words.sql"
            )
        version = int(match[1])
        if version in migrations:
            raise MigrationError(
                f"{migrations[version].name}.sql and {path.name} have the same number; renumber one"
            )
        migrations[version] = Migration(version, path.stem, path.read_text(encoding="utf-8"))
    return list(migrations.values())


def status(connection: Connection, *, directory: Path = DIRECTORY) -> Status:
    """Compare the migrations of a database with the files.

    :raises MigrationError: a file was changed after it was applied.
    """
    migrations = load(directory)
    applied = _applied(connection)
    for migration in migrations:
        if migration.version in applied and applied[migration.version][1] != migration.checksum:
            raise MigrationError(
                f"{migration.name}.sql was changed after it was applied; restore the file and put"
                " the change into a new migration"
            )
    known = {migration.version for migration in migrations}
    lacking = [migration for migration in migrations if migration.version not in applied]
    return Status(
        applied=[name for version, (name, _) in applied.items() if version in known],
        pending=[migration.name for migration in lacking if not migration.finishes],
        finishing=[migration.name for migration in lacking if migration.finishes],
        unknown=[name for version, (name, _) in applied.items() if version not in known],
    )


def check_ready(connection: Connection) -> bool:
    """Check that the database has every migration of this release. One roundtrip.

    :returns: whether the server takes writes.
    :raises SchemaBehind: a migration is missing, or the encoding is not UTF8.
    """
    _require_utf8(connection)
    applied, [(is_writable,)] = one_flight(
        connection, [("schema_migration/list", {}), ("server/find_writable", {})]
    )
    if not _released().keys() <= {version for version, *_ in applied}:
        raise SchemaBehind
    return is_writable


def require_current(connection: Connection) -> None:
    """Refuse a database that lacks a migration of this release.

    :raises SchemaBehind: a migration is pending; the message names it.
    """
    applied = _applied(connection)
    pending = [name for version, name in _released().items() if version not in applied]
    if pending:
        raise SchemaBehind(
            "the database schema is behind this release; run dreamlake-assets migrate to apply"
            f" {', '.join(pending)}"
        )


def migrate(
    database_url: str,
    *,
    finish: bool = False,
    dry_run: bool = False,
    directory: Path = DIRECTORY,
    wait_seconds: float = WAIT_SECONDS,
    announce: Callable[[str], object] = lambda _name: None,
) -> list[str]:
    """Apply the pending migrations. A second run at the same time waits for the first.

    :param database_url: URL of the server itself. PgBouncer in transaction mode does not work,
        because the advisory lock of a run belongs to its connection.
    :param finish: also apply the migrations that wait until no process of the previous release is
        left, after the others.
    :param dry_run: return the pending migrations without applying them.
    :param directory: directory of the migrations.
    :param wait_seconds: how long to wait for another run.
    :param announce: called with the name of each migration after it is applied.
    :returns: the names of the migrations that were applied, or that a dry run would apply.
    :raises MigrationError: a migration fails, a file was changed after it was applied, or another
        run does not finish in time.
    :raises DatabaseUnavailable: the database cannot be reached.
    """
    with connect(database_url) as connection:
        if not dry_run:
            _wait_for_turn(connection, wait_seconds)
        found = status(connection, directory=directory)
        names = found.pending + (found.finishing if finish else [])
        if not dry_run:
            migrations = {migration.name: migration for migration in load(directory)}
            for name in names:
                _apply(connection, migrations[name])
                announce(name)
        return names


def required(directory: Path = DIRECTORY) -> dict[int, str]:
    """Return the names of the migrations that the service requires, by version.

    :raises MigrationError: as :func:`load`.
    """
    return {each.version: each.name for each in load(directory) if not each.finishes}


def _released() -> Mapping[int, str]:
    return _on_disk() if queries.files is None else queries.files.migrations


@cache
def _on_disk() -> Mapping[int, str]:
    return required()


def _require_utf8(connection: Connection) -> None:
    """Refuse other encodings: they cannot store all names, or count each byte as a character.

    :raises SchemaBehind: the message names the encoding.
    """
    # The server reports the encoding with each new connection, so this costs no roundtrip.
    encoding = connection.info.parameter_status("server_encoding")
    if encoding not in ("UTF8", None):
        raise SchemaBehind(
            f"The encoding of the database is {encoding} and must be UTF8; create another database"
            " with ENCODING 'UTF8'."
        )


def _applied(connection: Connection) -> dict[int, tuple[str, str]]:
    """Return the name and checksum of each migration that the database has, by version.

    :raises SchemaBehind: the encoding of the database is not UTF8.
    """
    _require_utf8(connection)
    try:
        rows = fetch_all(connection, "schema_migration/list", {})
    except SchemaBehind:
        # The first migration creates the table.
        return {}
    return {version: (name, checksum) for version, name, checksum in rows}


def _wait_for_turn(connection: Connection, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while fetch_one(connection, "schema_migration/lock", {}) != (True,):
        if time.monotonic() > deadline:
            raise MigrationError(
                f"another run is in progress and did not finish within {seconds:g} s"
            )
        time.sleep(_POLL_SECONDS)


def _apply(connection: Connection, migration: Migration) -> None:
    try:
        connection.execute("SET statement_timeout = 0")
        if migration.in_transaction:
            with connection.transaction():
                connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'".encode())
                # Citus must use one connection to change a table and then a table that refers to
                # it. Without Citus the setting has no effect.
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
            " try again when the database is less busy"
        )
    else:
        reason = " ".join(str(error).split())
    consequence = (
        "the migration was rolled back"
        if migration.in_transaction
        else "the migration may be half applied; fix the cause and run it again"
    )
    return f"{migration.name}.sql: {reason} ({consequence})"
