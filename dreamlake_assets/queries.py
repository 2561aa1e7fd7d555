"""The statements: one file each below ``sql/``, named by the path without its suffix."""

import re
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent

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
