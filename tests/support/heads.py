"""PREPARE and EXECUTE of the files below sql/."""

import psycopg
from psycopg import sql

from dreamlake_assets.database import queries
from dreamlake_assets.database.heads import Head
from dreamlake_assets.database.queries import query


def placeholders(name: str) -> list[tuple[str, str]]:
    """The name and type of each placeholder of a statement, with repetitions."""
    return queries.placeholders(query(name).decode())


def prepare(connection: psycopg.Connection, name: str) -> None:
    """PREPARE a file with the types in its head, under the name ``file``."""
    head = Head(name)
    statement = query(name).decode()
    for number, parameter in enumerate(head.parameters, 1):
        statement = statement.replace(f"%({parameter.name})s", f"${number}")
    types = ", ".join(parameter.type for parameter in head.parameters)
    connection.execute(f"PREPARE file {f'({types})' if types else ''} AS {statement}".encode())


def execute(name: str, values: dict[str, object]) -> sql.Composed:
    """EXECUTE the prepared file with ``values``, and the examples of its head for the others."""
    given = {**Head(name).examples, **values}
    arguments = [sql.Literal(given[each.name]) for each in Head(name).parameters]
    statement = sql.SQL("EXECUTE file ({})" if arguments else "EXECUTE file")
    return statement.format(sql.SQL(", ").join(arguments))
