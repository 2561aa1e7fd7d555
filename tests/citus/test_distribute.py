"""sql/citus/distribute.sql, as far as it runs without Citus.

A substitute for Citus records the calls and does nothing. The tests show that the script runs as
its head says, the calls and their order, and that the schema is unchanged. They do not show that
Citus accepts the calls.
"""

import psycopg

from dreamlake_assets.database.queries import SQL_DIRECTORY
from tests.support.api import TABLES
from tests.support.roles import psql
from tests.support.schema import dump

STAND_IN = """
    CREATE SCHEMA stand_in;
    ALTER DATABASE {database} SET search_path = public, stand_in;
    SET search_path = stand_in;
    CREATE TABLE call (number int GENERATED ALWAYS AS IDENTITY, what text, keys bigint);
    CREATE TABLE pg_dist_partition (logicalrelid regclass);
    CREATE FUNCTION take_down(what text) RETURNS void LANGUAGE sql AS $$
        INSERT INTO stand_in.call (what, keys)
        SELECT what, count(*) FROM pg_constraint
        WHERE contype = 'f' AND connamespace = 'public'::regnamespace;
        INSERT INTO stand_in.pg_dist_partition
        SELECT split_part(what, ' ', 2)::regclass WHERE what ~ '^(reference|distributed)'
    $$;
    CREATE FUNCTION create_reference_table(t regclass) RETURNS void LANGUAGE sql AS $$
        SELECT take_down('reference ' || t)
    $$;
    CREATE FUNCTION create_distributed_table(t regclass, key text, colocate_with text)
    RETURNS void LANGUAGE sql AS $$
        SELECT take_down('distributed ' || t || ' by ' || key || ' with ' || colocate_with)
    $$;
    CREATE FUNCTION truncate_local_data_after_distributing_table(t regclass)
    RETURNS void LANGUAGE sql AS $$
        SELECT take_down('truncate ' || t)
    $$;
    CREATE FUNCTION run_command_on_shards(t regclass, command text)
    RETURNS TABLE (shardid bigint, success boolean, result text) LANGUAGE sql AS $$
        SELECT take_down('run ' || format(command, t));
        SELECT 1::bigint, true, 'ALTER TABLE'
    $$;
"""

CALLS = [
    ("reference namespace", 0),
    ("reference namespace_member", 0),
    ("distributed space by namespace_id with none", 0),
    ("distributed episode by namespace_id with space", 0),
    ("distributed node by namespace_id with space", 0),
    ("distributed asset by namespace_id with space", 0),
]


def test_foreign_keys_are_away_while_tables_are_distributed(
    database_url: str, connection: psycopg.Connection
) -> None:
    script = SQL_DIRECTORY / "citus" / "distribute.sql"
    before = dump(database_url, "--schema=public")
    keys = connection.execute("SELECT count(*) FROM pg_constraint WHERE contype = 'f'").fetchone()
    connection.execute(STAND_IN.format(database=connection.info.dbname).encode())

    psql(database_url, script, in_one_transaction=False)

    calls = connection.execute("SELECT what, keys FROM stand_in.call ORDER BY number").fetchall()
    assert calls[:6] == CALLS
    assert [what for what, _ in calls[9:]] == [f"truncate {table}" for table in reversed(TABLES)]
    assert {what.split()[3] for what, _ in calls[6:9]} == {"space", "episode", "node"}
    assert {(number,) for _, number in calls[6:]} == {keys}
    assert dump(database_url, "--schema=public") == before

    # After shards were moved.
    psql(database_url, script, in_one_transaction=False)
    again = connection.execute("SELECT what, keys FROM stand_in.call ORDER BY number").fetchall()
    assert again == calls + calls[6:], "a second run distributes nothing"
    command = "ALTER TABLE {} ALTER COLUMN namespace_id SET (n_distinct = 1)"
    tables = ("space", "episode", "node")
    assert {what for what, _ in again[len(calls) :] if what.startswith("run")} == {
        f"run {command.format(table)}" for table in tables
    }, "it sets n_distinct on every shard"


def test_every_key_below_a_namespace_begins_with_it(connection: psycopg.Connection) -> None:
    """Citus refuses keys and foreign keys without the distribution column."""
    rows = connection.execute(
        "SELECT conname, (SELECT array_agg(attname) FROM pg_attribute"
        " WHERE attrelid = conrelid AND attnum = ANY (conkey)) FROM pg_constraint"
        " WHERE contype IN ('p', 'u', 'f')"
        " AND conrelid IN ('space'::regclass, 'episode'::regclass, 'node'::regclass,"
        " 'asset'::regclass)"
    ).fetchall()
    assert len(rows) > 10
    assert [name for name, columns in rows if "namespace_id" not in columns] == []


def test_there_is_no_trigger_of_our_own(connection: psycopg.Connection) -> None:
    assert (
        connection.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal").fetchall() == []
    )
