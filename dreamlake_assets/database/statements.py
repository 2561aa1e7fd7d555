"""Run the statements of ``sql/``, and count their roundtrips."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import cast

import psycopg

from dreamlake_assets import trace
from dreamlake_assets.database.connection import Connection, Row, is_cluster
from dreamlake_assets.database.flights import fly
from dreamlake_assets.database.queries import query, query_of_tenant
from dreamlake_assets.database.sqlstates import translated

Parameters = Mapping[str, object]

STREAM_CHUNK_ROWS = 1000


def fetch_one(connection: Connection, name: str, parameters: Parameters) -> Row | None:
    """Run a statement that returns at most one row. One roundtrip.

    :param name: name of the statement, such as ``asset/insert``.
    :returns: the row, or None.
    :raises errors.AssetsError: the statement fails; see :mod:`.sqlstates`.
    """
    rows = fetch_all(connection, name, parameters)
    return rows[0] if rows else None


def fetch_all(connection: Connection, name: str, parameters: Parameters) -> list[Row]:
    """Run a statement and return all its rows. One roundtrip.

    :raises errors.AssetsError: the statement fails; see :mod:`.sqlstates`.
    """
    return _fly(connection, [(name, parameters)])[0]


def stream(
    connection: Connection,
    name: str,
    parameters: Parameters,
    *,
    chunk_rows: int = STREAM_CHUNK_ROWS,
) -> Generator[Row, None, None]:
    """Run a statement and yield its rows as they arrive, in constant memory. One roundtrip.

    :param chunk_rows: rows that are held in memory at a time.

    The caller must close the generator before it returns the connection. Closing cancels a
    statement whose rows were not all read.

    :raises errors.AssetsError: the statement fails; see :mod:`.sqlstates`.
    """
    try:
        rows = cast(
            "Generator[Row, None, None]",
            connection.cursor().stream(statement_of(name, parameters), parameters, size=chunk_rows),
        )
        with closing(rows):
            with trace.Roundtrip():
                chunk = list(islice(rows, chunk_rows))
            while chunk:
                yield from chunk
                with trace.MoreRows():
                    chunk = list(islice(rows, chunk_rows))
    except psycopg.Error as error:
        raise translated(error) from error


def takes_writes(connection: Connection) -> bool:
    """Whether the server takes writes of this role. One roundtrip.

    :raises errors.AssetsError: see :mod:`.sqlstates`.
    """
    return fetch_one(connection, "server/find_writable", {}) == (True,)


def one_flight(
    connection: Connection, statements: Sequence[tuple[str, Parameters]]
) -> list[list[Row]]:
    """Run several statements as one transaction, in one roundtrip.

    The statements are sent together, in one flight, followed by one Sync. PostgreSQL runs the
    statements before a Sync as an implicit transaction (PostgreSQL documentation, "Message Flow",
    "Pipelining"), so there is no wait for BEGIN or COMMIT. No statement can use the result of
    another one. Without an explicit transaction Citus commits each statement on its worker, so on a
    cluster BEGIN and COMMIT are part of the flight.

    :returns: the rows of each statement, after the last response was read.
    :raises errors.ConnectionLost: the connection was lost; the writes may have been committed.
    :raises errors.AssetsError: a statement fails; see :mod:`.sqlstates`. Nothing was written.
    """
    return _fly(connection, statements, in_transaction=is_cluster(connection))


def _fly(
    connection: Connection,
    statements: Sequence[tuple[str, Parameters]],
    *,
    in_transaction: bool = False,
) -> list[list[Row]]:
    try:
        with trace.Roundtrip():
            return fly(
                connection,
                [(statement_of(name, parameters), parameters) for name, parameters in statements],
                in_transaction=in_transaction,
            )
    except psycopg.Error as error:
        raise translated(error) from error


def statement_of(name: str, parameters: Parameters) -> bytes:
    """Return a statement, in its form for a Citus cluster if the parameters name the tenant."""
    return query_of_tenant(name) if "namespace_id" in parameters else query(name)
