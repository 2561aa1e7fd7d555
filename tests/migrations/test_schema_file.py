"""sql/schema.sql, written for readers, matches the result of the migrations."""

import psycopg

from tests.support.schema import SCHEMA_FILE, dump


def test_the_schema_file_is_what_the_migrations_make(
    empty_url: str, empty_connection: psycopg.Connection, database_url: str
) -> None:
    empty_connection.execute(SCHEMA_FILE.read_bytes())
    assert dump(empty_url) == dump(database_url), "run `make schema`"
