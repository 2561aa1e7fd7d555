"""The files of sql/ are checked before the processes of gunicorn use them."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from dreamlake_assets.database import files, migrations, queries
from dreamlake_assets.database.heads import FILES
from dreamlake_assets.errors import SchemaBehind
from tests.conftest import add_namespace
from tests.support.api import row_counts
from tests.support.roles import SERVICE, as_role, make

FILE = "namespace/list_by_subject"
AWAY = "postgresql://nobody@127.0.0.1:1/nothing"

Change = Callable[[Path], object]


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def sql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of sql/ that is used instead."""
    directory = tmp_path / "sql"
    shutil.copytree(queries.SQL_DIRECTORY, directory)
    monkeypatch.setattr(queries, "SQL_DIRECTORY", directory)
    monkeypatch.setattr(queries, "files", None)
    return directory


def replaced(name: str, former: str, new: str) -> tuple[str, Change]:
    """A change in a file; the name of the file, and a function that makes it."""

    def change(sql: Path) -> None:
        path = sql / f"{name}.sql"
        content = path.read_text()
        assert former in content
        path.write_text(content.replace(former, new))

    return f"{name}.sql", change


def file(write: Change) -> tuple[str, Change]:
    return f"{FILE}.sql", lambda sql: write(sql / f"{FILE}.sql")


def migration(name: str, content: bytes = b"") -> tuple[str, Change]:
    return "migrations", lambda sql: (sql / "migrations" / name).write_bytes(content)


WITHOUT_DATABASE = {
    "a misnamed parameter": replaced("asset/insert", "%(project)s", "%(projct)s"),
    "one in the head": replaced("asset/insert", "--     project ", "--     projct  "),
    "a type in the head": replaced("asset/insert", "namespace     text ", "namespace     int  "),
    "a parameter without a type": replaced("node/upsert", "%(project)s::text", "%(project)s"),
    "a per cent sign": replaced("node/upsert", "WHERE", "WHERE 'a' LIKE '%' AND"),
    "a head without parameters": replaced("asset/insert", "-- Params:", "-- Parameters:"),
    "a parameter in two words": replaced(
        "asset/insert", "--     project       text", "--   project"
    ),
    "Latin-1": file(lambda path: path.write_bytes(b"-- caf\xe9\n" + path.read_bytes())),
    "UTF-16": file(lambda path: path.write_text(path.read_text(), "utf-16")),
    "an empty file": file(lambda path: path.write_text("")),
    "no file": file(Path.unlink),
    "a migration without a number": migration("later.sql"),
    "a number of two migrations": migration("0001_again.sql"),
    "a migration in Latin-1": migration("0021_later.sql", b"\xe9"),
}
ON_DATABASE = {
    "a keyword": replaced("asset/insert", "INSERT INTO", "INSERT INT"),
    "a table": replaced("asset/insert_once", "JOIN space", "JOIN spaces"),
    "a column": replaced("asset/find_by_id", "asset.created_at", "asset.created"),
    "a type": replaced("schema_migration/insert", "%(version)s::int", "%(version)s::int::date"),
    "a function": replaced("schema_migration/lock", "pg_try_advisory_lock", "pg_try_lock"),
    "a constant": replaced(FILE, "WHERE ", "WHERE '2026-02-30'::date IS NOT NULL AND "),
    "a column of migrations": replaced("schema_migration/list", "checksum", "sum"),
    "a keyword of migrations": replaced("schema_migration/list", "SELECT", "SELEC"),
    # It would run if the file were sent as a script.
    "two statements": replaced(FILE, "SELECT", "DELETE FROM namespace_member;\nSELECT"),
    "half a file": file(lambda path: path.write_text(path.read_text().partition("FROM")[0])),
}


@pytest.mark.parametrize("mistake", WITHOUT_DATABASE | ON_DATABASE)
def test_a_bad_file_is_named_and_not_taken_over(
    sql: Path, database_url: str, connection: psycopg.Connection, mistake: str
) -> None:
    name, change = (WITHOUT_DATABASE | ON_DATABASE)[mistake]
    add_namespace(connection)
    files.take_over(database_url)
    before = queries.files
    change(sql)

    with pytest.raises(files.FileError, match=f"^sql/{re.escape(name)}[ :].*$"):
        files.take_over(database_url)

    assert queries.files is before
    assert row_counts(connection)["namespace_member"] == 2


@pytest.mark.parametrize("mistake", WITHOUT_DATABASE)
def test_some_are_found_while_the_database_is_away(sql: Path, mistake: str) -> None:
    name, change = WITHOUT_DATABASE[mistake]
    change(sql)

    with pytest.raises(files.FileError, match=f"^sql/{re.escape(name)}[ :].*$"):
        files.take_over(AWAY)

    assert queries.files is None


def test_a_file_that_was_saved_with_a_byte_order_mark_is_the_same(
    sql: Path, database_url: str
) -> None:
    files.take_over(database_url)
    before = queries.query(FILE)
    path = sql / f"{FILE}.sql"
    path.write_text(path.read_text(), "utf-8-sig")

    files.take_over(database_url)

    assert queries.query(FILE) == before


def test_what_was_taken_over_is_used_whatever_becomes_of_the_files(
    sql: Path, database_url: str, connection: psycopg.Connection
) -> None:
    files.take_over(database_url)
    before = {name: queries.text(name) for name in FILES}
    shutil.rmtree(sql)

    assert {name: queries.text(name) for name in FILES} == before
    assert migrations.check_ready(connection)


def test_a_database_that_is_away_checks_nothing(
    sql: Path, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    files.take_over(AWAY)
    first = queries.files
    assert first is not None
    files.take_over(AWAY)
    assert queries.files == first
    assert caplog.messages == []

    path = sql / f"{FILE}.sql"
    path.write_text(path.read_text().replace("SELECT", "SELECT ALL"))
    files.take_over(AWAY)
    assert queries.files == first
    [message] = caplog.messages
    assert message.startswith("sql/ has changed, but cannot be checked; it was not read: ")
    assert "\n" not in message

    files.take_over(database_url)
    assert b"SELECT /* namespace/list_by_subject */ ALL" in queries.query(FILE)


def test_a_schema_that_is_behind_is_named_before_the_files_that_need_it(
    sql: Path, database_url: str, connection: psycopg.Connection
) -> None:
    version, name = max(migrations.required().items())
    connection.execute("DELETE FROM schema_migration WHERE version = %s", [version])
    connection.execute("ALTER TABLE asset RENAME COLUMN tags TO labels")

    with pytest.raises(SchemaBehind, match=name):
        files.take_over(database_url)

    assert queries.files is None


def test_the_role_of_the_service_is_enough(sql: Path, database_url: str) -> None:
    make(database_url)

    files.take_over(as_role(SERVICE, database_url))

    assert queries.files is not None


def test_the_files_are_those_that_are_listed() -> None:
    found = {
        path.relative_to(queries.SQL_DIRECTORY).with_suffix("").as_posix()
        for path in queries.SQL_DIRECTORY.glob("*/*.sql")
        if path.parent.name not in ("citus", "migrations")
    }
    assert sorted(found) == FILES
