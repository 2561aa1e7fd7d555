"""The heads of the files in ``sql/``: the comments that describe the statements."""

import re
from dataclasses import dataclass
from functools import cached_property

from dreamlake_assets.database.queries import text

#: The names of all statements, sorted. They are listed, so that a missing file is noticed.
FILES = [
    "asset/count_by_bss_id",
    "asset/delete",
    "asset/delete_many",
    "asset/find_batch",
    "asset/find_by_id",
    "asset/find_expired",
    "asset/find_many",
    "asset/find_namespace",
    "asset/insert",
    "asset/insert_many",
    "asset/insert_once",
    "asset/keys_by_created_at",
    "asset/keys_by_deleted",
    "asset/keys_by_digest",
    "asset/keys_by_episode",
    "asset/keys_by_episode_created_at",
    "asset/keys_by_episode_deleted",
    "asset/keys_by_episode_folder_glob",
    "asset/keys_by_episode_tag",
    "asset/keys_by_folder_glob",
    "asset/keys_by_project",
    "asset/keys_by_tag",
    "asset/list_by_created_at",
    "asset/list_by_episode",
    "asset/list_by_episode_created_at",
    "asset/list_by_episode_folder_glob",
    "asset/list_by_episode_glob",
    "asset/list_by_episode_prefix",
    "asset/list_by_episode_tag",
    "asset/list_by_folder_glob",
    "asset/list_by_glob",
    "asset/list_by_prefix",
    "asset/list_by_project",
    "asset/list_by_tag",
    "asset/purge",
    "asset/restore",
    "asset/restore_many",
    "asset/stream_by_episode",
    "asset/stream_by_project",
    "asset/update",
    "asset/view_full",
    "asset/view_item",
    "asset/view_revision",
    "cluster/find",
    "episode/list_by_project",
    "episode/upsert",
    "episode/upsert_many",
    "namespace/find",
    "namespace/insert",
    "namespace/list",
    "namespace/list_by_subject",
    "namespace_member/delete",
    "namespace_member/list_by_subject",
    "namespace_member/upsert",
    "node/list_by_episode",
    "node/list_by_project",
    "node/upsert",
    "node/upsert_many",
    "schema_migration/insert",
    "schema_migration/list",
    "schema_migration/lock",
    "server/begin_purge",
    "server/find_writable",
    "space/list_by_namespace",
    "space/upsert",
]

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
        lines = text(name).partition("\n\n")[0].splitlines()
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
        lines: list[str] = []
        for line in self.sections["Params"]:
            if line.startswith("--      "):
                # The example of the parameter before goes on.
                lines[-1] += " " + line.removeprefix("--").strip()
            else:
                lines.append(line)
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
    if match is None:
        raise ValueError(f"{line!r} is not a parameter")
    return Parameter(
        match["name"], match["type"], match["nullable"] is not None, value(match["example"])
    )
