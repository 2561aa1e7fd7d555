"""Every index serves a file, and a test of plans shows that it does."""

import re
from pathlib import Path

import psycopg
import pytest

from dreamlake_assets.database.heads import FILES, Head
from dreamlake_assets.database.queries import SQL_DIRECTORY
from tests.plans.conftest import Explain

CLAIMS = "\n".join(
    path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py")
).replace(Path(__file__).read_text("utf-8"), "")


@pytest.fixture
def comments(seeded: psycopg.Connection) -> dict[str, str | None]:
    """What each index says of itself, or the constraint that made it."""
    rows = seeded.execute(
        "SELECT relname, coalesce(obj_description(pg_class.oid, 'pg_class'),"
        " obj_description(pg_constraint.oid, 'pg_constraint'))"
        " FROM pg_index INNER JOIN pg_class ON pg_class.oid = indexrelid"
        " LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')"
        " WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'schema_migration%'"
    )
    return dict(rows.fetchall())


def test_each_index_says_what_it_serves(comments: dict[str, str | None]) -> None:
    for index, comment in comments.items():
        assert (comment or "").startswith("Serves "), index
        for name in re.findall(r"\b[a-z_]+/[a-z_]+\b", comment or ""):
            assert (SQL_DIRECTORY / f"{name}.sql").is_file(), f"{index}: {name}"


def test_each_file_is_served_by_the_indexes_that_say_so(comments: dict[str, str | None]) -> None:
    for index, comment in comments.items():
        for name in re.findall(r"\b[a-z_]+/[a-z_]+\b", comment or ""):
            assert index in Head(name).indexes, f"{index}: {name}"


def test_each_index_is_claimed_by_a_test(comments: dict[str, str | None]) -> None:
    assert [index for index in comments if f'"{index}"' not in CLAIMS] == []


@pytest.mark.parametrize("name", FILES)
def test_each_file_uses_the_indexes_of_its_head_and_no_others(plan: Explain, name: str) -> None:
    found = plan(name)
    assert found.indexes == Head(name).indexes
    if not Head(name).words("Index").startswith("none, it reads all of them"):
        assert found.scanned == set()


def test_without_an_index_what_it_serves_is_carried_out_otherwise(
    seeded: psycopg.Connection, plan: Explain, comments: dict[str, str | None]
) -> None:
    """None is there in vain, and a test of this folder fails where one is dropped."""
    for index, comment in comments.items():
        for name in re.findall(r"\b[a-z_]+/[a-z_]+\b", comment or ""):
            with seeded.transaction(force_rollback=True):
                drop(seeded, index)
                try:
                    indexes = plan(name).indexes
                except psycopg.errors.InvalidColumnReference:
                    continue  # no index is left for ON CONFLICT
            assert indexes != Head(name).indexes, f"{name} does without {index}"


def drop(connection: psycopg.Connection, index: str) -> None:
    row = connection.execute(
        "SELECT conrelid::regclass::text FROM pg_constraint"
        " WHERE conindid = %s::regclass AND contype IN ('p', 'u')",
        [index],
    ).fetchone()
    if row is None:
        connection.execute(f"DROP INDEX {index}".encode())
    else:
        connection.execute(f"ALTER TABLE {row[0]} DROP CONSTRAINT {index} CASCADE".encode())
