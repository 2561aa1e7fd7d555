"""The SQL statements: one file each in ``sql/``, named by its path without the suffix."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

#: ``dreamlake_assets/sql`` in a package installed from a wheel, ``sql`` in a checkout.
SQL_DIRECTORY = next(
    directory for directory in (_PACKAGE / "sql", _PACKAGE.parent / "sql") if directory.is_dir()
)


def _pattern(sql: str) -> re.Pattern[str]:
    """Compile SQL in which each space matches any white space, and each … any text."""
    words = r"\s+".join(map(re.escape, sql.split()))
    return re.compile(words.replace(r"\s+…\s+", "(.*?)"), re.DOTALL)


#: Rules that take the lookup of the namespace and the role out of a statement that inserts rows.
_WITHOUT_MEMBERSHIP = (
    (
        _pattern(
            "FROM namespace INNER JOIN namespace_member"
            " ON namespace_member.namespace_id = namespace.namespace_id"
            " AND namespace_member.subject = %(subject)s::text"
            " AND namespace_member.role = 'writer'"
            " INNER JOIN space ON space.namespace_id = namespace.namespace_id"
            " AND space.slug = %(project)s::text"
            " … WHERE namespace.slug = %(namespace)s::text"
        ),
        (
            r"FROM space\1"
            r"WHERE space.namespace_id = %(namespace_id)s::uuid AND space.slug = %(project)s::text"
        ),
    ),
    (
        _pattern(
            "WITH member AS ( … ), made AS ("
            " … SELECT member.namespace_id, … FROM member … ON CONFLICT … )"
            " SELECT member.role FROM member"
        ),
        r"\2VALUES (\n        %(namespace_id)s::uuid,\3)\n    ON CONFLICT\5",
    ),
)

#: A comparison of the tenants of two tables.
_TWO_TENANTS = re.compile(r"(\w+\.namespace_id) (?:=|IS NOT DISTINCT FROM) (\w+\.namespace_id)")

#: The subquery of a view that a list takes the place of.
_LISTED = re.compile(r"LATERAL \((?:(?!LATERAL).)*?\n\) AS listed", re.DOTALL)

#: A placeholder and the type that it is cast to.
_PLACEHOLDER = re.compile(r"%\((\w+)\)s::(\w+(?:\[\])?)")


@dataclass(frozen=True, slots=True)
class Files:
    """The files of ``sql/`` as they were read together.

    :param statements: the content of each file, by the name of the statement.
    :param migrations: the names of the migrations that the service requires, by version.
    """

    statements: Mapping[str, str]
    migrations: Mapping[int, str]


#: The files that :mod:`.files` has read and checked; None in a process that reads each file when
#: it needs it.
files: Files | None = None


def use(new: Files | None) -> None:
    """Take all statements from these files from now on."""
    global files  # noqa: PLW0603
    files = new
    query.cache_clear()
    query_of_tenant.cache_clear()


def text(name: str) -> str:
    """The content of the file ``sql/<name>.sql``, without a byte order mark.

    :raises OSError: the file cannot be read.
    :raises UnicodeDecodeError: the file is not UTF-8.
    """
    if files is not None and name in files.statements:
        return files.statements[name]
    return read(name)


def read(name: str) -> str:
    """As :func:`text`, always from the disk."""
    return (SQL_DIRECTORY / f"{name}.sql").read_text("utf-8-sig")


@cache
def query(name: str) -> bytes:
    """Return the statement of the file ``sql/<name>.sql`` as it is sent.

    The statement starts with a comment that holds its name, so that ``pg_stat_activity`` and the
    server log show which file to open. The comment is repeated after the first word, because
    ``pg_stat_statements`` of PostgreSQL 18 cuts off everything before that word. The head of the
    file is removed, because psycopg would read a ``%`` in it as a placeholder.

    :param name: such as ``asset/insert``, or ``asset/view_full of asset/list_by_tag``: the first
        file, in which the second one takes the place of the subquery ``listed``.
    :raises FileNotFoundError: the file does not exist.
    """
    return _named(name, _statement(name))


@cache
def query_of_tenant(name: str) -> bytes:
    """Return a statement in its form for a Citus cluster, which runs it on the shard of one tenant.

    Citus selects a single shard if each distributed table is compared with the same constant, and
    refuses most of these statements otherwise. The files compare the tenants of two tables:
    ``a.namespace_id = b.namespace_id``. Here each comparison becomes ``a.namespace_id =
    %(namespace_id)s::uuid AND b.namespace_id = %(namespace_id)s::uuid``, which is true for that
    tenant only. ``IS NOT DISTINCT FROM`` is replaced, too. Some files use it so that no index
    serves the comparison.

    Citus sends an INSERT … SELECT that reads a reference table to all shards. On a cluster the
    service knows the namespace and the role before it writes (:mod:`.tenants`), so here the lookup
    of both is left out: the statement begins at the project, or inserts VALUES.
    """
    statement = _statement(name)
    for membership, replacement in _WITHOUT_MEMBERSHIP:
        statement = membership.sub(replacement, statement)
    of_tenant = r"\1 = %(namespace_id)s::uuid AND \2 = %(namespace_id)s::uuid"
    return _named(name, _TWO_TENANTS.sub(of_tenant, statement).strip())


def _statement(name: str) -> str:
    """The statement of a file, without the head, or of a view and a list."""
    view, of, listed = name.partition(" of ")
    if of:
        return _LISTED.sub(
            lambda _: f"LATERAL (\n/* {listed} */ {_statement(listed)}\n) AS listed",
            _statement(view),
        )
    lines = text(name).splitlines()
    head = next((number for number, line in enumerate(lines) if not line.startswith("--")), None)
    return "\n".join(lines[head:]).strip()


def _named(name: str, statement: str) -> bytes:
    name = name.partition(" of ")[0]
    named = re.sub(r"^\w+", rf"\g<0> /* {name} */", statement)
    return f"/* {name} */\n{named}".encode()


def placeholders(statement: str) -> list[tuple[str, str]]:
    """The name and the type of each placeholder in a statement, in order, repetitions included."""
    return _PLACEHOLDER.findall(statement)


def numbered(statement: str) -> str:
    """A statement with its placeholders written as PostgreSQL does: ``$1``, ``$2``."""
    for number, parameter in enumerate(dict(placeholders(statement)), 1):
        statement = statement.replace(f"%({parameter})s", f"${number}")
    return statement


@cache
def compiled(statement: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return a statement with numbered placeholders, and the names of its parameters in order."""
    text = statement.decode()
    return numbered(text).encode(), tuple(dict(placeholders(text)))
