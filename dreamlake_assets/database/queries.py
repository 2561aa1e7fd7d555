"""The statements: one file each below ``sql/``, named by the path without its suffix."""

import re
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]

#: ``dreamlake_assets/sql`` where the package is installed from a wheel, ``sql`` in a checkout.
SQL_DIRECTORY = next(
    directory for directory in (_PACKAGE / "sql", _PACKAGE.parent / "sql") if directory.is_dir()
)


@cache
def query(name: str) -> bytes:
    """The statement of the file ``sql/<name>.sql`` as it is sent.

    Its first words are the path of its file in a comment, so that ``pg_stat_activity`` and the
    server's log name the file to open. The comment stands once more behind the first word:
    ``pg_stat_statements`` of PostgreSQL 18 cuts off what comes before it. The head of the file is
    left out: psycopg would take a ``%`` in it for a placeholder.

    :param name: such as ``asset/insert``.
    :raises FileNotFoundError: there is no such file.
    """
    lines = (SQL_DIRECTORY / f"{name}.sql").read_text("utf-8").splitlines()
    head = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    statement = "\n".join(lines[head:]).strip()
    named = re.sub(r"^\w+", rf"\g<0> /* {name} */", statement)
    return f"/* {name} */\n{named}".encode()


@cache
def query_of_tenant(name: str) -> bytes:
    """The statement of a file for a Citus cluster, which sends it to the one shard of a tenant.

    Citus does so where each distributed table is compared with the same constant, and it refuses
    most of these statements otherwise. The files compare tenants with each other; here, each
    ``a.namespace_id = b.namespace_id`` becomes ``a.namespace_id = %(namespace_id)s::uuid AND
    b.namespace_id = %(namespace_id)s::uuid``, which holds for that tenant and for no other. So does
    ``IS NOT DISTINCT FROM``, which some files write to have it used by no index.
    """
    of_tenant = rb"\1 = %(namespace_id)s::uuid AND \2 = %(namespace_id)s::uuid"
    two_tenants = rb"(\w+\.namespace_id) (?:=|IS NOT DISTINCT FROM) (\w+\.namespace_id)"
    return re.sub(two_tenants, of_tenant, query(name))
