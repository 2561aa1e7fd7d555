"""Execution plans of the statements of ``sql/``, for the command ``dreamlake-assets explain``."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import psycopg

from dreamlake_assets.database.connection import Connection, is_cluster
from dreamlake_assets.database.heads import FILES, Head, value
from dreamlake_assets.database.queries import numbered, placeholders
from dreamlake_assets.database.statements import Parameters, statement_of
from dreamlake_assets.database.tenants import tenant
from dreamlake_assets.errors import NamespaceNotFound

#: An id that no namespace has.
_NO_NAMESPACE = "00000000-0000-0000-0000-000000000000"

#: A statement that writes, not one that names a privilege.
_WRITE = re.compile(r"(?<!')\b(?:INSERT|UPDATE|DELETE)\b")


class UnknownStatement(ValueError):
    """A statement or a parameter is unknown or malformed; the message is one line."""


def values(pairs: str) -> dict[str, str | None]:
    r"""Parse parameters such as ``project=robotics episode=null name='/a b.mp4'``.

    Words are split as in a shell. ``null`` and ``\u0001`` have the same meaning as in a head.

    :raises UnknownStatement: a word is not of the form ``name=value``, or a quotation is open.
    """
    found: dict[str, str | None] = {}
    try:
        words = shlex.split(pairs)
    except ValueError as error:
        raise UnknownStatement(f"{pairs}: {error}") from None
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise UnknownStatement(f"{word!r} is not of the form name=value")
        found[name] = value(text)
    return found


def statements(names: Iterable[str]) -> list[str]:
    """Return the names of statements that are given by name or by path.

    :param names: such as ``asset/insert`` or ``sql/asset/insert.sql``.
    :raises UnknownStatement: a statement does not exist.
    """
    found = [name.removeprefix("sql/").removesuffix(".sql") for name in names]
    for name in found:
        if name not in FILES:
            raise UnknownStatement(
                f"sql/{name}.sql does not exist; leave out the name to see all statements"
            )
    return found


def parameters(
    names: Iterable[str], given: Mapping[str, str | None]
) -> dict[str, dict[str, str | None]]:
    """Select the parameters that each statement has.

    :returns: the parameters, by the name of the statement.
    :raises UnknownStatement: none of the statements has a given parameter.
    """
    found = {
        name: {key: given[key] for key in Head(name).examples if key in given} for name in names
    }
    for unknown in given.keys() - set().union(*found.values()):
        raise UnknownStatement(f"none of these statements has a parameter {unknown!r}")
    return found


def text(connection: Connection, name: str, given: Mapping[str, str | None]) -> str:
    """Return the plan of a statement and its cost, in the text format of PostgreSQL.

    :param given: parameters that replace the examples of the head.
    :raises UnknownStatement: the statement does not have a given parameter.
    """
    return "\n".join(plan_of(connection, name, _parameters(connection, name, given), "FORMAT TEXT"))


def line(connection: Connection, name: str, given: Mapping[str, str | None]) -> str:
    """Return the plan of a statement and its cost in one line. Otherwise like :func:`text`.

    The line has the node that reads the main table of the statement, its index, the rows that the
    statement returns, the pages of 8 KiB that it reads from memory or disk, the time, and the
    tables that it scans. On a Citus cluster it has no pages, but the number of tasks.
    """
    table = name.partition("/")[0]
    if is_cluster(connection):
        # The coordinator's JSON is invalid.
        return line_of_cluster(text(connection, name, given), table)
    [[explained]] = plan_of(connection, name, _parameters(connection, name, given), "FORMAT JSON")
    root = explained["Plan"]
    nodes = list(_nodes(root))
    buffers = root["Shared Hit Blocks"] + root["Shared Read Blocks"]
    scans = [node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"]
    scanned = "".join(f", Seq Scan on {each}" for each in dict.fromkeys(scans))
    return (
        f"{_access(nodes, table):44} {int(root['Actual Rows']):>6} rows {buffers:>6} buffers"
        f" {explained['Execution Time']:>8.2f} ms{scanned}"
    )


def line_of_cluster(plan: str, table: str) -> str:
    """Summarise the text of a plan of Citus.

    :param table: main table of the statement. The names of its shards and of their indexes end in
        the number of the shard.
    """
    tasks = sum(map(int, re.findall(r"Task Count: (\d+)", plan)))
    scans = re.findall(
        rf"(\w+ (?:Only )?Scan(?: Backward)?) (?:using|on) ({table}\w*?)(?:_\d+)?(?=\s)", plan
    )
    access = " ".join(scans[-1]) if scans else plan.partition("  (")[0]
    rows = re.search(r"\(actual .*?rows=(\d+)", plan)
    cost = f"{rows[1]:>6} rows" if rows else "not run, because it writes"
    if times := re.findall(r"Execution Time: ([\d.]+) ms", plan):
        cost += f" {float(times[-1]):>8.2f} ms"
    return f"{tasks:>3} tasks  {access:44} {cost}"


def _parameters(
    connection: Connection, name: str, given: Mapping[str, str | None]
) -> dict[str, str | None]:
    examples = Head(name).examples
    for unknown in given.keys() - examples.keys():
        raise UnknownStatement(
            f"{name} has no parameter {unknown!r}; its parameters: {', '.join(examples) or 'none'}"
        )
    used = {**examples, **given}
    try:
        of_tenant = tenant(
            connection,
            namespace=used.get("namespace") or "",
            subject=used.get("subject") or "",
            writes=False,
        )
    except NamespaceNotFound:
        of_tenant = {"namespace_id": _NO_NAMESPACE}
    return {**of_tenant, **used}


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def _access(nodes: list[dict[str, Any]], table: str) -> str:
    """Return the innermost node on a table and its index; without one, the outermost node."""
    on_table = [node for node in nodes if node.get("Relation Name") == table]
    node = on_table[-1] if on_table else nodes[0]
    # An INSERT names the index that finds conflicts. The index of a Bitmap Heap Scan is in the
    # node below it.
    indexes = node.get("Conflict Arbiter Indexes") or [
        inner["Index Name"] for inner in _nodes(node) if "Index Name" in inner
    ]
    return " ".join([node.get("Operation", node["Node Type"]), *indexes[:1]])


def plan_of(connection: Connection, name: str, parameters: Parameters, form: str) -> list[Any]:
    """Prepare a statement, run EXPLAIN ANALYZE on it, and roll it back.

    On a Citus cluster a statement that writes is not run: EXPLAIN ANALYZE of an INSERT … SELECT in
    a CTE crashes the coordinator of Citus 13.2.

    :param form: option of EXPLAIN that selects the output format, such as ``FORMAT JSON``.
    :returns: the lines of text, or a single value for JSON.
    :raises psycopg.Error: the statement fails, or the role lacks a privilege.
    """
    statement = statement_of(name, parameters).decode()
    types = dict(placeholders(statement))
    declared = f"({', '.join(types.values())})" if types else ""
    arguments = ", ".join(f"%({parameter})s" for parameter in types)
    run = not (is_cluster(connection) and _WRITE.search(statement))
    connection.execute(f"PREPARE explained {declared} AS {numbered(statement)}".encode())
    try:
        with connection.transaction(force_rollback=True):
            # EXECUTE accepts only literals. This cursor converts parameters into literals.
            rows = psycopg.ClientCursor(connection).execute(
                f"EXPLAIN ({'ANALYZE, BUFFERS, ' if run else ''}SETTINGS, {form})"
                f" EXECUTE explained {f'({arguments})' if types else ''}".encode(),
                parameters,
            )
            return [row[0] for row in rows]
    finally:
        connection.execute("DEALLOCATE explained")
