"""Rules for statements on a Citus cluster, each found on Citus 13.2.

A statement that breaks one is refused, runs on all shards, or takes its rows through the
coordinator and ends in a two-phase commit.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

DISTRIBUTED = ("space", "episode", "node", "asset")
REFERENCE = ("namespace", "namespace_member")

CONSTANT = "%(namespace_id)s::uuid"

_TABLE = re.compile(
    rf"\b(?:FROM|JOIN|INTO|UPDATE) ({'|'.join(DISTRIBUTED + REFERENCE)})\b(?: AS (\w+))?"
)
_WRITE = re.compile(rf"\b(INSERT INTO|(?<!DO )UPDATE|DELETE FROM) ({'|'.join(DISTRIBUTED)})\b")
_INSERT = re.compile(r"INSERT INTO \w+(?P<alias> AS \w+)? \( (?P<column>\w+)[^)]*\) (?P<rows>\w+) ")
_CALL = re.compile(r"\b([a-z]\w*) \(")
_CLOCK = ("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp")


class Functions(NamedTuple):
    """The names of PostgreSQL's functions by their volatility."""

    volatile: frozenset[str]
    stable: frozenset[str]


def tables(statement: str) -> list[tuple[str, str]]:
    """The tables that a statement reads or writes, with their aliases, in each place."""
    return [(table, alias or table) for table, alias in _TABLE.findall(_words(statement))]


def broken(statement: str, functions: Functions) -> Iterator[str]:
    """The rules that a statement breaks."""
    text = _words(statement)
    if re.search(r"\bFOR (UPDATE|SHARE|NO KEY|KEY)\b", text):
        yield "rows can be locked on one shard only, and not behind a join"
    for match in _WRITE.finditer(text):
        write = _enclosed(text[match.start() :])
        if match[1] == "INSERT INTO":
            yield from _broken_by_insert(text, write)
        if re.search(r"\bSET (?:\w+ = [^,]+, )*namespace_id = ", write):
            yield "the tenant of a row must not change"
        called = {*_CALL.findall(write.lower())}
        if called & functions.volatile:
            yield "a write must not call a volatile function"
        for choice in _choices(write.lower()):
            if {*_CALL.findall(choice)} & functions.stable or {*choice.split()} & {*_CLOCK}:
                yield "CASE and COALESCE of a write must be immutable"


def _broken_by_insert(text: str, write: str) -> Iterator[str]:
    insert = _INSERT.match(write)
    assert insert, f"INSERT INTO without a list of columns: {write[:80]}"
    rows = write[insert.end() :]
    if insert["column"] != "namespace_id":
        yield "the tenant must be the first column"
    values = insert["rows"] == "VALUES"
    yield from _broken_by_values(rows) if values else _broken_by_select(text, rows)
    outer = _flat(write)
    if "RETURNING" in outer and "ON CONFLICT" not in outer and not insert["alias"]:
        yield "RETURNING needs ON CONFLICT or an alias of the table"


def _broken_by_values(rows: str) -> Iterator[str]:
    if not rows.startswith(f"( {_words(CONSTANT)},"):
        yield "the tenant of VALUES must be a constant"
    if "SELECT" in rows:
        yield "VALUES must not have a subquery"


def _broken_by_select(text: str, rows: str) -> Iterator[str]:
    if {table for table, _ in tables(rows)} & {*REFERENCE}:
        yield "INSERT … SELECT must not read a reference table"
    tenant = re.search(r"(?:^|SELECT )(\w+)\.namespace_id,", rows)
    sources = {alias for table, alias in tables(rows) if table in DISTRIBUTED}
    sources |= {*re.findall(r"\) AS (\w+)", rows)}
    if tenant is None or tenant[1] not in sources:
        yield "the tenant of INSERT … SELECT must come from a distributed table"
    if re.search(r"\bWITH\b", text):
        yield "INSERT … SELECT must not be in or read a CTE"


def _words(statement: str) -> str:
    """A statement without comments and literals, its words separated by single spaces.

    Parentheses are words. Placeholders are written ``:name``.
    """
    bare = re.sub(r"/\*.*?\*/|'[^']*'", " ", statement, flags=re.DOTALL)
    return " ".join(re.sub(r"[()]", r" \g<0> ", re.sub(r"%\((\w+)\)s", r":\1", bare)).split())


def _enclosed(text: str) -> str:
    """The text up to the parenthesis that closes around it."""
    depth = 0
    for at, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return text[:at]
    return text


def _flat(text: str) -> str:
    """A text without what is in parentheses."""
    while (shorter := re.sub(r"\([^()]*\)", "", text)) != text:
        text = shorter
    return text


def _choices(text: str) -> Iterator[str]:
    """Each CASE and each COALESCE of a statement in lower case."""
    for match in re.finditer(r"\bcoalesce \(", text):
        yield _enclosed(text[match.end() :])
    yield from re.findall(r"\bcase\b.*?\bend\b", text)
