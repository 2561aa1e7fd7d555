"""Every index serves a statement, and a test of plans shows it."""

import re
from pathlib import Path

import psycopg
import pytest

from dreamlake_assets.database.heads import FILES, Head
from tests.plans.conftest import Explain

CLAIMS = "\n".join(
    path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py")
).replace(Path(__file__).read_text("utf-8"), "")


@pytest.fixture
def comments(seeded: psycopg.Connection) -> dict[str, str]:
    """The comment of each index, or of its constraint."""
    rows = seeded.execute(
        "SELECT relname, coalesce(obj_description(pg_class.oid, 'pg_class'),"
        " obj_description(pg_constraint.oid, 'pg_constraint'), '')"
        " FROM pg_index INNER JOIN pg_class ON pg_class.oid = indexrelid"
        " LEFT JOIN pg_constraint ON conindid = indexrelid AND contype IN ('p', 'u')"
        " WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'schema_migration%'"
    )
    return dict(rows.fetchall())


def served(comment: str) -> set[str]:
    """The statements that a comment names, or tells by their parameters."""
    names = set(re.findall(r"\b[a-z_]+/[a-z_]+\b", comment))
    for rule in re.findall(r"each statement with the parameters? (\w+(?: and \w+)*)", comment):
        parameters = {*rule.split(" and ")}
        names |= {name for name in FILES if parameters <= Head(name).examples.keys()}
    return names


def test_a_comment_names_each_file_whose_head_names_the_index(comments: dict[str, str]) -> None:
    """It names no other file."""
    for index, comment in comments.items():
        files = {name for name in FILES if index in Head(name).indexes}
        assert files, f"{index} serves no file"
        assert served(comment) == files, index


def test_a_comment_names_each_foreign_key_that_needs_the_index(
    seeded: psycopg.Connection, comments: dict[str, str]
) -> None:
    for index, comment in comments.items():
        rows = seeded.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conindid = %s::regclass",
            [index],
        ).fetchall()
        assert {*re.findall(r"\w+_fkey", comment)} == {name for (name,) in rows}, index


def test_each_index_is_claimed_by_a_test(comments: dict[str, str]) -> None:
    assert [index for index in comments if f'"{index}"' not in CLAIMS] == []


@pytest.mark.parametrize("name", FILES)
def test_each_file_uses_the_indexes_of_its_head_and_no_others(plan: Explain, name: str) -> None:
    found = plan(name)
    if not Head(name).words("Index").startswith("none, it reads all of them"):
        assert found.indexes == Head(name).indexes
        assert found.scanned == set()
