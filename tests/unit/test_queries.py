"""The statements as they are sent."""

import re

import pytest

from dreamlake_assets.database.queries import SQL_DIRECTORY, query

NAMES = sorted(
    path.relative_to(SQL_DIRECTORY).with_suffix("").as_posix()
    for path in SQL_DIRECTORY.glob("*/*.sql")
    if path.parent.name not in ("citus", "migrations")
)


@pytest.mark.parametrize("name", NAMES)
def test_a_statement_begins_with_the_name_of_its_file(name: str) -> None:
    first, second, *_ = query(name).decode().splitlines()

    assert first == f"/* {name} */"
    assert re.match(rf"(SELECT|WITH|INSERT|DELETE) /\* {name} \*/(\s|$)", second)


@pytest.mark.parametrize("name", NAMES)
def test_the_head_stays_at_home(name: str) -> None:
    statement = query(name).decode()

    assert "Route:" not in statement
    assert statement == statement.strip()
    # A per cent sign outside of a placeholder would be taken for one.
    assert statement.count("%") == statement.count("%(")


def test_a_file_that_does_not_exist() -> None:
    with pytest.raises(FileNotFoundError, match="asset/nothing"):
        query("asset/nothing")
