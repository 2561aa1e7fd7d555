"""Every statement below sql/ runs, and its head is true."""

import re
from pathlib import Path

import psycopg
import pytest

from dreamlake_assets.database.heads import FILES, SECTIONS, Head
from dreamlake_assets.database.queries import SQL_DIRECTORY, query
from dreamlake_assets.model.kinds import FOUND_COLUMNS, LISTED_COLUMNS, VIEWED_COLUMNS
from tests.support.heads import execute, placeholders, prepare

PACKAGE = Path(__file__).parents[2] / "dreamlake_assets"
#: The columns in front of those of a whole asset.
WHOLE = {
    "asset/find_by_id": [],
    "asset/restore": ["outcome"],
    "asset/update": ["outcome", "path_exists"],
}
LISTINGS = [name for name in FILES if name.startswith("asset/list_")]
#: The service puts their names together; tests/sql/test_examples.py reaches each one.
CHOSEN = {name for name in FILES if re.match("asset/(list|keys|stream)_", name)}

every_file = pytest.mark.parametrize("name", FILES)


@every_file
def test_the_head_has_every_section(name: str) -> None:
    head = Head(name)
    assert head.sentence.endswith(".")
    assert [section for section in SECTIONS if section in head.sections] == list(head.sections)
    assert set(SECTIONS) - head.sections.keys() <= {"Why"}
    assert all(head.words(section) for section in head.sections)


@every_file
def test_the_parameters_are_those_of_the_head(name: str) -> None:
    """Each use has the same cast, so that PostgreSQL never guesses a type."""
    parameters = Head(name).parameters
    assert set(placeholders(name)) == {(each.name, each.type) for each in parameters}
    assert all(each.nullable or each.example is not None for each in parameters)


@every_file
def test_what_is_sent_names_its_file_and_holds_only_placeholders(name: str) -> None:
    statement = query(name).decode()
    assert statement.startswith(f"/* {name} */\n")
    assert len(placeholders(name)) == statement.count("%")
    assert "--" not in re.sub(r" -- noqa.*", "", statement)


@every_file
def test_the_file_can_be_prepared_and_runs_with_its_examples(
    connection: psycopg.Connection, name: str
) -> None:
    prepare(connection, name)
    nulls: dict[str, object] = {each.name: None for each in Head(name).parameters if each.nullable}
    for values in ({}, nulls):
        with connection.transaction(force_rollback=True):
            connection.execute(execute(name, values))


@every_file
def test_the_columns_are_those_of_the_head(connection: psycopg.Connection, name: str) -> None:
    rows = connection.execute(query(name), Head(name).examples).description or []
    columns = [column.name for column in rows]
    how_many, _, words = Head(name).words("Returns").partition(": ")
    if name in LISTINGS:
        assert (how_many, columns) == ("many", [*LISTED_COLUMNS, "missing"])
    elif name in WHOLE:
        assert (how_many, columns) == ("one", [*WHOLE[name], *FOUND_COLUMNS])
    elif name == "asset/view_item":
        assert (how_many, columns) == ("many", [*VIEWED_COLUMNS, "missing"])
    elif name == "asset/view_full":
        assert (how_many, columns) == ("many", [*FOUND_COLUMNS, "missing"])
    elif how_many == "scalar":
        assert len(columns) == 1
    elif how_many == "none.":
        assert columns == []
    else:
        assert how_many in ("one", "many")
        assert re.findall("|".join(columns), re.split(r"; |\. ", words)[0]) == columns


@every_file
def test_the_indexes_of_the_head_exist(connection: psycopg.Connection, name: str) -> None:
    rows = connection.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")
    indexes = Head(name).indexes
    assert indexes <= {row[0] for row in rows}
    assert bool(indexes) != Head(name).words("Index").startswith("none, ")


@pytest.mark.parametrize("name", sorted(set(FILES) - CHOSEN))
def test_some_function_runs_the_file(name: str) -> None:
    sources = "".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    assert f'"{name}"' in sources


def test_a_folder_of_sql_holds_files_of_one_noun() -> None:
    """These tests reach every file."""
    apart = {"roles.sql", "schema.sql"}
    assert {path.name for path in SQL_DIRECTORY.glob("*.sql")} <= apart
    assert list(SQL_DIRECTORY.glob("*/*/**/*.sql")) == []
