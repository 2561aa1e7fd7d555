"""The heads of the files in ``sql/``: the comments that describe the statements."""

import re
from dataclasses import dataclass
from functools import cached_property

from dreamlake_assets.database.queries import SQL_DIRECTORY

#: The names of all statements, sorted.
FILES = sorted(
    str(path.relative_to(SQL_DIRECTORY).with_suffix(""))
    for path in SQL_DIRECTORY.glob("*/*.sql")
    if path.parent.name not in ("citus", "migrations")
)

SECTIONS = ("Route", "Params", "Returns", "Index", "Why")

_SECTION = re.compile(r"-- (\w+): *(.*)")
_PARAMETER = re.compile(
    r"--     (?P<name>\w+) +(?P<type>\w+(\[\])?)(?P<nullable> or null)?  +(?P<example>.+)"
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A line of the section Params.

    :param type: name of a PostgreSQL type.
    :param nullable: whether null is allowed.
    :param example: a literal of the type; None for null.
    """

    name: str
    type: str
    nullable: bool
    example: str | None


class Head:
    """The comment at the start of a file.

    :param name: name of the statement, such as ``asset/insert``.
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
        """The parameters, in order."""
        lines = self.sections["Params"]
        return [] if lines == ["--     none"] else [_parameter(line) for line in lines]

    @property
    def examples(self) -> dict[str, str | None]:
        """The example of each parameter."""
        return {each.name: each.example for each in self.parameters}

    @property
    def indexes(self) -> set[str]:
        """The indexes and constraints that the head names."""
        return set(re.findall(r"\b\w+_(?:p?key|by_\w+)\b", self.words("Index")))

    def words(self, section: str) -> str:
        """Return a section as one line."""
        return " ".join(line.removeprefix("--").strip() for line in self.sections[section])


def value(text: str) -> str | None:
    r"""Decode an example.

    ``null`` is None, ``''`` is the empty text, and an escape such as ``\u0001`` is a character.
    """
    if text == "null":
        return None
    if text == "''":
        return ""
    return re.sub(r"\\u(....)", lambda escape: chr(int(escape[1], 16)), text)


def _parameter(line: str) -> Parameter:
    match = _PARAMETER.fullmatch(line)
    assert match, line  # noqa: S101  (the files are part of the package)
    return Parameter(
        match["name"], match["type"], match["nullable"] is not None, value(match["example"])
    )
