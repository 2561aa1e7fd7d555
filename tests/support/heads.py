"""The files below sql/: what their heads say, and how to prepare and to execute one."""

import re
from dataclasses import dataclass
from functools import cached_property

import psycopg
from psycopg import sql

from dreamlake_assets.queries import SQL_DIRECTORY, query

FILES = sorted(
    str(path.relative_to(SQL_DIRECTORY).with_suffix(""))
    for path in SQL_DIRECTORY.glob("*/*.sql")
    if path.parent.name != "migrations"
)

SECTIONS = ("Route", "Params", "Returns", "Index", "Why")

_SECTION = re.compile(r"-- (\w+): *(.*)")
_PARAMETER = re.compile(
    r"--     (?P<name>\w+) +(?P<type>\w+(\[\])?)(?P<nullable> or null)?  +(?P<example>.+)"
)
_PLACEHOLDER = re.compile(r"%\((\w+)\)s::(\w+(?:\[\])?)")


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    nullable: bool
    example: str | None


class Head:
    """The comment at the beginning of a file.

    :param name: of the file, such as ``asset/insert``.
    """

    def __init__(self, name: str):
        text = (SQL_DIRECTORY / f"{name}.sql").read_text("utf-8")
        lines = text[: text.index("\n\n")].splitlines()
        self.sentence = lines[0].removeprefix("-- ")
        self.sections: dict[str, list[str]] = {}
        section = ""
        for line in lines[2:]:
            if match := _SECTION.match(line):
                section = match[1]
                self.sections[section] = [match[2]] if match[2] else []
            else:
                self.sections[section].append(line)

    @cached_property
    def parameters(self) -> list[Parameter]:
        lines = self.sections["Params"]
        return [] if lines == ["--     none"] else [_parameter(line) for line in lines]

    @property
    def examples(self) -> dict[str, str | None]:
        return {each.name: each.example for each in self.parameters}

    @property
    def indexes(self) -> set[str]:
        """The indexes and constraints that the head names."""
        return set(re.findall(r"\b\w+_(?:p?key|by_\w+)\b", self.words("Index")))

    def words(self, section: str) -> str:
        """A section in one line."""
        return " ".join(line.removeprefix("--").strip() for line in self.sections[section])


def _parameter(line: str) -> Parameter:
    match = _PARAMETER.fullmatch(line)
    assert match, line
    # Control characters are written as escapes.
    example = re.sub(r"\\u(....)", lambda escape: chr(int(escape[1], 16)), match["example"])
    return Parameter(
        match["name"],
        match["type"],
        match["nullable"] is not None,
        None if example == "null" else example,
    )


def placeholders(name: str) -> list[tuple[str, str]]:
    """The name and the type of each placeholder of a statement, as often as they stand there."""
    return _PLACEHOLDER.findall(query(name).decode())


def prepare(connection: psycopg.Connection, name: str) -> None:
    """PREPARE a file, by the types in its head, under the name ``file``."""
    head = Head(name)
    statement = query(name).decode()
    for number, parameter in enumerate(head.parameters, 1):
        statement = statement.replace(f"%({parameter.name})s", f"${number}")
    types = ", ".join(parameter.type for parameter in head.parameters)
    connection.execute(f"PREPARE file {f'({types})' if types else ''} AS {statement}".encode())


def execute(name: str, values: dict[str, object]) -> sql.Composed:
    """EXECUTE the file that was prepared, with the examples of its head and other values."""
    given = {**Head(name).examples, **values}
    arguments = [sql.Literal(given[each.name]) for each in Head(name).parameters]
    statement = sql.SQL("EXECUTE file ({})" if arguments else "EXECUTE file")
    return statement.format(sql.SQL(", ").join(arguments))
