"""The runner applies each migration once and in order; the state after a failed migration."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from dreamlake_assets.database import migrations
from dreamlake_assets.database.connection import connect
from dreamlake_assets.database.migrations import (
    MigrationError,
    Status,
    check_ready,
    migrate,
    status,
)
from dreamlake_assets.errors import DatabaseUnavailable, SchemaBehind
from tests.migrations.conftest import Folder
from tests.support.waiting import until

NAMES = list(migrations.required().values())
FINISH = [migration.name for migration in migrations.load() if migration.finishes]


def tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    )
    return [name for (name,) in rows]


def indexes(connection: psycopg.Connection, table: str) -> dict[str, bool]:
    """The indexes of a table, each with its validity."""
    rows = connection.execute(
        "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = %s::regclass",
        [table],
    )
    return dict(rows.fetchall())


def test_from_nothing_to_current(empty_url: str) -> None:
    announced: list[str] = []
    assert migrate(empty_url, announce=announced.append) == NAMES == announced
    with connect(empty_url) as connection:
        assert status(connection) == Status(applied=NAMES, pending=[], finishing=FINISH, unknown=[])
        assert check_ready(connection)


def test_the_second_time_there_is_nothing_to_do(empty_url: str) -> None:
    migrate(empty_url)
    assert migrate(empty_url) == []


def test_an_empty_database_is_behind(empty_url: str) -> None:
    with connect(empty_url) as connection:
        assert status(connection) == Status(applied=[], pending=NAMES, finishing=FINISH, unknown=[])
        with pytest.raises(SchemaBehind):
            check_ready(connection)


def test_a_dry_run_writes_nothing(empty_url: str, empty_connection: psycopg.Connection) -> None:
    assert migrate(empty_url, dry_run=True) == NAMES
    assert migrate(empty_url, dry_run=True, finish=True) == NAMES + FINISH
    assert tables(empty_connection) == []


def test_a_database_of_a_later_release_is_ready(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("INSERT INTO schema_migration VALUES (9999, '9999_later', 'x')")
        assert status(connection) == Status(
            applied=sorted(NAMES + FINISH), pending=[], finishing=[], unknown=["9999_later"]
        )
        assert check_ready(connection)
    assert migrate(database_url) == []


def test_a_database_that_lacks_one_is_behind(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("DELETE FROM schema_migration WHERE version = 3")
        with pytest.raises(SchemaBehind):
            check_ready(connection)


def test_two_runs_at_once_apply_each_migration_once(empty_url: str, folder: Folder) -> None:
    folder.write("0001_table", "CREATE TABLE walrus (id int);\nSELECT pg_sleep(0.3);")
    folder.write("0002_index", "-- transaction: none\nCREATE INDEX CONCURRENTLY i ON walrus (id);")

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: migrate(empty_url, directory=folder.path), range(4)))
    assert sorted(runs) == [[], [], [], ["0000_schema_migrations", "0001_table", "0002_index"]]


def test_a_run_waits_for_another_no_longer_than_it_should(
    empty_url: str, empty_connection: psycopg.Connection
) -> None:
    empty_connection.execute("SELECT pg_advisory_lock(hashtext('dreamlake_assets: migrate'))")
    with pytest.raises(MigrationError, match=r"another run .* did not finish within 0.2 s"):
        migrate(empty_url, wait_seconds=0.2)
    assert tables(empty_connection) == []


def test_a_migration_that_fails_leaves_nothing(
    empty_url: str, empty_connection: psycopg.Connection, folder: Folder
) -> None:
    folder.write("0001_good", "CREATE TABLE walrus (id int);")
    folder.write("0002_bad", "CREATE TABLE seal (id int);\nCREATE TABLE otter (id integre);")
    folder.write("0003_later", "CREATE TABLE penguin (id int);")

    with pytest.raises(MigrationError) as caught:
        migrate(empty_url, directory=folder.path)

    message = str(caught.value)
    assert message.startswith('0002_bad.sql: type "integre" does not exist LINE 2:')
    assert message.endswith("(the migration was rolled back)")
    assert "\n" not in message
    assert tables(empty_connection) == ["schema_migration", "walrus"]

    folder.write("0002_bad", "CREATE TABLE seal (id int);")
    assert migrate(empty_url, directory=folder.path) == ["0002_bad", "0003_later"]


def test_a_migration_is_sent_statement_by_statement(
    empty_url: str, empty_connection: psycopg.Connection, folder: Folder
) -> None:
    """A Citus cluster requires this."""
    second = (
        "CREATE TABLE seal AS\n"
        "SELECT current_query(), current_setting('citus.multi_shard_modify_mode') AS mode;"
    )
    folder.write("0001_two", f"-- What: two; no more.\nCREATE TABLE walrus (id int);\n\n{second}\n")
    migrate(empty_url, directory=folder.path)
    row = empty_connection.execute("SELECT btrim(current_query, E'\\n'), mode FROM seal").fetchone()
    assert row == (second, "sequential")


def test_a_file_that_was_changed_after_it_was_applied_is_refused(
    empty_url: str, folder: Folder
) -> None:
    folder.write("0001_table", "CREATE TABLE walrus (id int);")
    migrate(empty_url, directory=folder.path)
    folder.write("0001_table", "CREATE TABLE walrus (id bigint);")
    folder.write("0002_later", "CREATE TABLE seal (id int);")

    for dry_run in (True, False):
        with pytest.raises(MigrationError, match=r"^0001_table\.sql was changed after it was appl"):
            migrate(empty_url, directory=folder.path, dry_run=dry_run)


def test_a_lower_number_that_arrives_late_is_applied(empty_url: str, folder: Folder) -> None:
    folder.write("0002_table", "CREATE TABLE walrus (id int);")
    migrate(empty_url, directory=folder.path)
    folder.write("0001_late", "CREATE TABLE seal (id int);")
    assert migrate(empty_url, directory=folder.path) == ["0001_late"]


def test_what_finishes_comes_last_and_only_when_it_is_asked_for(
    empty_url: str, empty_connection: psycopg.Connection, folder: Folder
) -> None:
    folder.write("0001_drop", "-- phase: finish\n\nDROP TABLE walrus;")
    folder.write("0002_table", "CREATE TABLE walrus (id int);")

    assert migrate(empty_url, directory=folder.path)[1:] == ["0002_table"]
    assert tables(empty_connection) == ["schema_migration", "walrus"]
    assert migrate(empty_url, directory=folder.path, finish=True) == ["0001_drop"]
    assert tables(empty_connection) == ["schema_migration"]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'asset_live_by_tag'::regclass",
        "DROP INDEX asset_live_by_tag",
    ],
)
def test_no_old_index_is_dropped_before_its_replacement_is_there(
    empty_url: str, empty_connection: psycopg.Connection, damage: str
) -> None:
    migrate(empty_url)
    before = indexes(empty_connection, "asset").keys()
    empty_connection.execute(damage.encode())

    with pytest.raises(
        MigrationError, match=r"_old_indexes\.sql: .* not valid: asset_live_by_tag "
    ):
        migrate(empty_url, finish=True)
    assert indexes(empty_connection, "asset").keys() | {"asset_live_by_tag"} == before
    with connect(empty_url) as connection:
        assert check_ready(connection)


def test_outside_a_transaction_and_again_after_a_failure(
    empty_url: str, empty_connection: psycopg.Connection, folder: Folder
) -> None:
    folder.write("0001_table", "CREATE TABLE walrus (id int); INSERT INTO walrus VALUES (1), (1);")
    folder.write(
        "0002_index",
        "-- What: one of each.\n"
        "-- transaction: none\n\n"
        "DROP INDEX CONCURRENTLY IF EXISTS walrus_id;\n"
        "CREATE UNIQUE INDEX CONCURRENTLY walrus_id\n    ON walrus (id);\n\n"
        "COMMENT ON INDEX walrus_id IS 'one; of; each';\n",
    )

    with pytest.raises(MigrationError, match=r"0002_index\.sql: could not create unique index"):
        migrate(empty_url, directory=folder.path)
    assert indexes(empty_connection, "walrus") == {"walrus_id": False}

    empty_connection.execute("TRUNCATE walrus")
    assert migrate(empty_url, directory=folder.path) == ["0002_index"]
    assert indexes(empty_connection, "walrus") == {"walrus_id": True}


def test_the_timeouts_of_a_role_do_not_end_a_migration(
    empty_url: str, empty_connection: psycopg.Connection, folder: Folder
) -> None:
    url = f"{empty_url}?options=-c%20statement_timeout%3D100%20-c%20lock_timeout%3D100"
    folder.write("0001_table", "CREATE TABLE walrus (id int);\nSELECT pg_sleep(0.2);")
    assert migrate(url, directory=folder.path) == ["0000_schema_migrations", "0001_table"]

    folder.write("0002_index", "-- transaction: none\nCREATE INDEX CONCURRENTLY i ON walrus (id);")
    with psycopg.connect(empty_url) as writer, ThreadPoolExecutor(1) as pool:
        writer.execute("INSERT INTO walrus VALUES (1)")
        migrating = pool.submit(migrate, url, directory=folder.path)
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'virtualxid'"
        until(lambda: migrating.done() or empty_connection.execute(waiting).fetchone())
        with pytest.raises(TimeoutError):
            migrating.result(timeout=0.2)
        writer.commit()
        assert migrating.result() == ["0002_index"]


def test_a_lock_that_is_not_granted_is_given_up(
    empty_url: str,
    empty_connection: psycopg.Connection,
    folder: Folder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "200ms")
    folder.write("0001_table", "CREATE TABLE walrus (id int);")
    migrate(empty_url, directory=folder.path)
    folder.write("0002_column", "ALTER TABLE walrus ADD COLUMN name text;")

    with empty_connection.transaction():
        empty_connection.execute("INSERT INTO walrus VALUES (1)")
        with pytest.raises(MigrationError, match=r"^0002_column\.sql: waited 200ms for a lock"):
            migrate(empty_url, directory=folder.path)

    assert migrate(empty_url, directory=folder.path) == ["0002_column"]


@pytest.mark.parametrize("name", ["1_short", "0001-dashes", "0001_Capitals", "words"])
def test_names_that_are_no_names_of_migrations(name: str, folder: Folder) -> None:
    folder.write(name, "SELECT 1;")
    with pytest.raises(MigrationError, match=f"{name}.sql is not a name of a migration"):
        migrations.load(folder.path)


def test_two_files_with_one_number(folder: Folder) -> None:
    folder.write("0001_one", "SELECT 1;")
    folder.write("0001_two", "SELECT 1;")
    with pytest.raises(
        MigrationError, match=r"0001_one\.sql and 0001_two\.sql have the same number"
    ):
        migrations.load(folder.path)


def test_a_database_that_is_away() -> None:
    with pytest.raises(DatabaseUnavailable):
        migrate("postgresql://nobody@127.0.0.1:1/nothing")
