"""How PostgreSQL carries a file of ``sql/`` out: ``dreamlake-assets explain``."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from dreamlake_assets.database.connection import Connection
from dreamlake_assets.database.heads import FILES, Head, value
from dreamlake_assets.database.statements import Parameters, statement_of
from dreamlake_assets.database.tenants import tenant

_TYPED_PLACEHOLDER = re.compile(r"%\((\w+)\)s::(\w+(?:\[\])?)")


class UnknownStatement(ValueError):
    """There is no such file, or it has no such parameter; the message is one line."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A plan in one line.

    :param access: the node that reads the table of the file's noun, and the index that it uses.
    :param scanned: the tables that are read from end to end.
    :param rows: that the statement returned.
    :param buffers: pages of 8 KiB that it read, from memory or from disk.
    """

    access: str
    scanned: tuple[str, ...]
    rows: int
    buffers: int
    milliseconds: float


def values(pairs: str) -> dict[str, str | None]:
    r"""The parameters in a line such as ``project=robotics episode=null name='/a b.mp4'``.

    Words are split as a shell does; ``null`` and ``\u0001`` mean what they mean in a head.

    :raises UnknownStatement: a word is not ``name=value``.
    """
    found: dict[str, str | None] = {}
    try:
        words = shlex.split(pairs)
    except ValueError as error:
        raise UnknownStatement(f"{pairs}: {error}") from None
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise UnknownStatement(f"{word!r} is not name=value")
        found[name] = value(text)
    return found


def statements(names: Iterable[str]) -> list[str]:
    """The statements of that name, or of the file of that path, such as ``sql/asset/insert.sql``.

    :raises UnknownStatement: there is no such file.
    """
    found = [name.removeprefix("sql/").removesuffix(".sql") for name in names]
    for name in found:
        if name not in FILES:
            raise UnknownStatement(f"there is no sql/{name}.sql; without a name all are shown")
    return found


def parameters(
    names: Iterable[str], given: Mapping[str, str | None]
) -> dict[str, dict[str, str | None]]:
    """For each of several files those parameters that it has.

    :raises UnknownStatement: one of the parameters goes to none of them.
    """
    found = {
        name: {key: given[key] for key in Head(name).examples if key in given} for name in names
    }
    for unknown in given.keys() - set().union(*found.values()):
        raise UnknownStatement(f"none of the statements has a parameter {unknown!r}")
    return found


def text(connection: Connection, name: str, given: Mapping[str, str | None]) -> str:
    """The plan of a file and what it cost, as PostgreSQL writes it.

    :param given: the parameters that differ from the examples of the head.
    :raises UnknownStatement: it has no such parameter.
    """
    return "\n".join(plan_of(connection, name, _parameters(connection, name, given), "FORMAT TEXT"))


def summary(connection: Connection, name: str, given: Mapping[str, str | None]) -> Summary:
    """As :func:`text`, in one line."""
    [[explained]] = plan_of(connection, name, _parameters(connection, name, given), "FORMAT JSON")
    root = explained["Plan"]
    nodes = list(_nodes(root))
    return Summary(
        access=_access(nodes, name.partition("/")[0]),
        scanned=tuple(
            dict.fromkeys(
                node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"
            )
        ),
        rows=int(root["Actual Rows"]),
        buffers=root["Shared Hit Blocks"] + root["Shared Read Blocks"],
        milliseconds=explained["Execution Time"],
    )


def _parameters(
    connection: Connection, name: str, given: Mapping[str, str | None]
) -> dict[str, str | None]:
    examples = Head(name).examples
    for unknown in given.keys() - examples.keys():
        raise UnknownStatement(
            f"{name} has no parameter {unknown!r}, only {', '.join(examples) or 'none at all'}"
        )
    used = {**examples, **given}
    of_tenant = tenant(connection, used.get("namespace") or "")
    return {**of_tenant, **used}


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _access(nodes: list[dict[str, Any]], table: str) -> str:
    """The innermost node on a table, and its index; the outermost of all where none is on it."""
    on_table = [node for node in nodes if node.get("Relation Name") == table]
    node = on_table[-1] if on_table else nodes[0]
    # An insert looks for conflicts; a Bitmap Heap Scan leaves the index to the node below.
    indexes = node.get("Conflict Arbiter Indexes") or [
        inner["Index Name"] for inner in _nodes(node) if "Index Name" in inner
    ]
    return " ".join([node.get("Operation", node["Node Type"]), *indexes[:1]])


def plan_of(connection: Connection, name: str, parameters: Parameters, form: str) -> list[Any]:
    """What EXPLAIN says of a statement that is prepared, run with its parameters, and undone.

    :param form: the option of EXPLAIN that says in which format.
    :returns: a line of text each, or one value where the format is JSON.
    :raises psycopg.Error: the statement fails, or this role may not run it.
    """
    statement = statement_of(name, parameters).decode()
    types = dict(_TYPED_PLACEHOLDER.findall(statement))
    for number, parameter in enumerate(types, 1):
        statement = statement.replace(f"%({parameter})s", f"${number}")
    declared = f"({', '.join(types.values())})" if types else ""
    arguments = ", ".join(f"%({parameter})s" for parameter in types)
    with connection.transaction(force_rollback=True):
        connection.execute("DEALLOCATE ALL")
        connection.execute(f"PREPARE explained {declared} AS {statement}".encode())
        # EXECUTE takes literals only, which this cursor makes of parameters.
        rows = psycopg.ClientCursor(connection).execute(
            f"EXPLAIN (ANALYZE, BUFFERS, SETTINGS, {form})"
            f" EXECUTE explained {f'({arguments})' if types else ''}".encode(),
            parameters,
        )
        return [row[0] for row in rows]
