"""The SQL statements: one file each in ``sql/``, named by its path without the suffix."""

import re
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

#: ``dreamlake_assets/sql`` in a package installed from a wheel, ``sql`` in a checkout.
SQL_DIRECTORY = next(
    directory for directory in (_PACKAGE / "sql", _PACKAGE.parent / "sql") if directory.is_dir()
)


@cache
def query(name: str) -> bytes:
    """Return the statement of the file ``sql/<name>.sql`` as it is sent.

    The statement starts with a comment that holds its name, so that ``pg_stat_activity`` and the
    server log show which file to open. The comment is repeated after the first word, because
    ``pg_stat_statements`` of PostgreSQL 18 cuts off everything before that word. The head of the
    file is removed, because psycopg would read a ``%`` in it as a placeholder.

    :param name: such as ``asset/insert``.
    :raises FileNotFoundError: the file does not exist.
    """
    lines = (SQL_DIRECTORY / f"{name}.sql").read_text("utf-8").splitlines()
    head = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    statement = "\n".join(lines[head:]).strip()
    named = re.sub(r"^\w+", rf"\g<0> /* {name} */", statement)
    return f"/* {name} */\n{named}".encode()


@cache
def query_of_tenant(name: str) -> bytes:
    """Return a statement in its form for a Citus cluster, which runs it on the shard of one tenant.

    Citus selects a single shard if each distributed table is compared with the same constant, and
    refuses most of these statements otherwise. The files compare the tenants of two tables:
    ``a.namespace_id = b.namespace_id``. Here each comparison becomes ``a.namespace_id =
    %(namespace_id)s::uuid AND b.namespace_id = %(namespace_id)s::uuid``, which is true for that
    tenant only. ``IS NOT DISTINCT FROM`` is replaced, too. Some files use it so that no index
    serves the comparison.
    """
    of_tenant = rb"\1 = %(namespace_id)s::uuid AND \2 = %(namespace_id)s::uuid"
    two_tenants = rb"(\w+\.namespace_id) (?:=|IS NOT DISTINCT FROM) (\w+\.namespace_id)"
    return re.sub(two_tenants, of_tenant, query(name))
