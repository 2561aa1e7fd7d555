"""Every file below sql/ can be run as it stands, and its head tells the truth."""

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from dreamlake_assets import globs
from dreamlake_assets.kinds import KINDS, LISTED_COLUMNS
from dreamlake_assets.queries import SQL_DIRECTORY, query
from dreamlake_assets.store.asset import Filters, _listing

PACKAGE = Path(__file__).parents[2] / "dreamlake_assets"
FILES = sorted(
    str(path.relative_to(SQL_DIRECTORY).with_suffix(""))
    for path in SQL_DIRECTORY.glob("*/*.sql")
    if path.parent.name != "migrations"
)
LISTINGS = [name for name in FILES if name.startswith("asset/list_")]
PARAMETER = re.compile(
    r"--     (?P<name>\w+) +(?P<type>\w+(\[\])?)(?P<nullable> or null)?  +(?P<example>.+)"
)
TYPES = {"float": "double precision", "int": "integer"}


class Parameter(NamedTuple):
    name: str
    type: str
    nullable: bool
    example: str | None


class Head:
    """The comment at the beginning of a file."""

    def __init__(self, name: str):
        text = (SQL_DIRECTORY / f"{name}.sql").read_text("utf-8")
        lines = text[: text.index("\n\n")].splitlines()
        self.sentence = lines[0].removeprefix("-- ")
        self.sections: dict[str, list[str]] = {}
        section = ""
        for line in lines[2:]:
            if match := re.match(r"-- (\w+): *(.*)", line):
                self.sections[match[1]] = [match[2]] if match[2] else []
                section = match[1]
            else:
                self.sections[section].append(line)

    @property
    def parameters(self) -> list[Parameter]:
        found = []
        for line in self.sections["Params"]:
            if line == "--     none":
                continue
            match = PARAMETER.fullmatch(line)
            assert match, line
            example = match["example"].encode().decode("unicode_escape") if "\\u" in line else None
            value = example or match["example"]
            found.append(
                Parameter(
                    match["name"],
                    match["type"],
                    bool(match["nullable"]),
                    None if value == "null" else value,
                )
            )
        return found

    def words(self, section: str) -> str:
        return " ".join(line.removeprefix("--").strip() for line in self.sections[section])


def placeholders(name: str) -> dict[str, str]:
    """The parameters of a statement and the types they are cast to, in the order of their use."""
    return dict(re.findall(r"%\((\w+)\)s::(\w+(?:\[\])?)", query(name).decode()))


@pytest.mark.parametrize("name", FILES)
def test_the_head_has_every_section(name: str) -> None:
    head = Head(name)
    assert head.sentence.endswith(".")
    assert list(head.sections) == [
        each for each in ("Route", "Params", "Returns", "Index", "Why") if each in head.sections
    ]
    assert {"Route", "Params", "Returns", "Index"} <= head.sections.keys()


@pytest.mark.parametrize("name", FILES)
def test_the_parameters_are_those_of_the_head(name: str) -> None:
    statement = query(name).decode()
    told = {each.name: each.type for each in Head(name).parameters}
    assert placeholders(name) == told
    # Each one is cast wherever it stands, so that PostgreSQL never has to guess.
    assert len(re.findall(r"%\(\w+\)s", statement)) == len(re.findall(r"%\(\w+\)s::", statement))
    assert re.sub(r"%\(\w+\)s", "", statement).count("%") == 0


@pytest.mark.parametrize("name", FILES)
def test_the_file_names_itself_to_the_server(name: str) -> None:
    assert query(name).decode().startswith(f"/* {name} */\n")


@pytest.mark.parametrize("name", FILES)
def test_the_file_can_be_prepared_with_the_types_of_its_head(
    connection: psycopg.Connection, name: str
) -> None:
    numbered = query(name).decode()
    parameters = Head(name).parameters
    for number, parameter in enumerate(parameters, 1):
        numbered = numbered.replace(f"%({parameter.name})s", f"${number}")
    types = ", ".join(TYPES.get(each.type, each.type) for each in parameters)
    connection.execute(f"PREPARE file{f' ({types})' if types else ''} AS {numbered}".encode())


@pytest.mark.parametrize("name", FILES)
def test_the_file_runs_with_the_examples_of_its_head(
    connection: psycopg.Connection, name: str
) -> None:
    parameters = Head(name).parameters
    examples = {each.name: each.example for each in parameters}
    assert all(each.nullable or each.example is not None for each in parameters)
    connection.execute(query(name), examples)


@pytest.mark.parametrize("name", FILES)
def test_the_columns_are_those_of_the_head(connection: psycopg.Connection, name: str) -> None:
    nobody = dict.fromkeys(placeholders(name))
    with connection.transaction(force_rollback=True):
        if name in ("namespace/insert", "schema_migration/insert"):
            nobody = {each.name: each.example for each in Head(name).parameters}
        description = connection.execute(query(name), nobody).description or []
    returns = Head(name).words("Returns")
    if not description:
        assert returns == "none."
    elif name in LISTINGS:
        assert tuple(column.name for column in description) == (*LISTED_COLUMNS, "missing")
    elif returns.startswith("scalar: "):
        assert len(description) == 1
    else:
        assert re.match("(one|many): ", returns)
        for column in description:
            assert re.search(rf"\b{column.name}\b", returns)


@pytest.mark.parametrize("name", FILES)
def test_the_indexes_of_the_head_exist(connection: psycopg.Connection, name: str) -> None:
    exist = {
        row[0]
        for row in connection.execute(
            "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"
        )
    }
    named = set(re.findall(r"\b\w+_(?:key|pkey|by_\w+)\b", Head(name).words("Index")))
    assert named <= exist
    assert named or "none" in Head(name).words("Index")


@pytest.mark.parametrize("name", sorted(set(FILES) - set(LISTINGS)))
def test_some_function_runs_the_file(name: str) -> None:
    sources = [path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path.name != "db.py"]
    assert any(f'"{name}"' in source for source in sources)


@pytest.mark.parametrize("name", LISTINGS)
def test_each_listing_is_reached_by_a_request(name: str) -> None:
    reached = set()
    for episode in (None, "run-042"):
        everything = Filters("testuser", "robotics", episode=episode)
        for listing in (
            everything,
            replace(everything, prefix="/a"),
            replace(everything, glob=globs.parse("/a/b*")),
            replace(everything, glob=globs.parse("/a/*/b*")),
        ):
            reached.add(_listing(KINDS["video"], "test-001", listing, None, 1)[0])
    assert name in reached


def test_every_index_tells_which_files_it_serves(connection: psycopg.Connection) -> None:
    rows = connection.execute(
        "SELECT indexrelid::regclass::text, coalesce("
        " obj_description(indexrelid, 'pg_class'),"
        " (SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint"
        "  WHERE conindid = indexrelid AND contype IN ('p', 'u')))"
        " FROM pg_index WHERE indrelid::regclass::text = ANY(%s)",
        [["namespace", "namespace_member", "space", "episode", "node", "asset"]],
    ).fetchall()
    silent = [index for index, comment in rows if not (comment or "").startswith("Serves ")]
    # The primary keys of parents serve the foreign keys of their children.
    assert set(silent) <= {"namespace_pkey", "space_pkey"}
