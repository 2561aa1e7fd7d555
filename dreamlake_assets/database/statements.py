"""Run the statements of ``sql/``, and count their roundtrips."""

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from typing import cast

import psycopg

from dreamlake_assets import trace
from dreamlake_assets.database import outages  # noqa: F401  (filters psycopg's warnings)
from dreamlake_assets.database.connection import Connection, Row, is_cluster
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
    try:
        with trace.Roundtrip():
            statement = statement_of(name, parameters)
            return connection.execute(statement, parameters, prepare=True).fetchone()
    except psycopg.Error as error:
        raise translated(error) from error


def fetch_all(connection: Connection, name: str, parameters: Parameters) -> list[Row]:
    """Run a statement and return all its rows. One roundtrip.

    :raises errors.AssetsError: the statement fails; see :mod:`.sqlstates`.
    """
    try:
        with trace.Roundtrip():
            statement = statement_of(name, parameters)
            return connection.execute(statement, parameters, prepare=True).fetchall()
    except psycopg.Error as error:
        raise translated(error) from error


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
    try:
        with trace.Roundtrip(), connection.pipeline():
            if is_cluster(connection):
                connection.execute("BEGIN")
            cursors = [
                connection.execute(statement_of(name, parameters), parameters, prepare=True)
                for name, parameters in statements
            ]
            if is_cluster(connection):
                connection.execute("COMMIT")
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors]
    except psycopg.Error as error:
        raise translated(error) from error


def prepare(connection: Connection, names: Sequence[str]) -> None:
    """Prepare statements in one roundtrip, by running them with nulls, which match no row.

    A statement that fails is prepared at its first use instead. The schema may be behind, which
    ``/readyz`` needs a connection to report, or the server may take no writes.

    :raises psycopg.Error: the connection was lost.
    """
    with connection.pipeline() as pipeline:
        try:
            for name in names:
                nulls = dict.fromkeys(_placeholders(query(name)))
                connection.execute(query(name), nulls, prepare=True)
            pipeline.sync()
        except psycopg.Error:
            if connection.closed:
                raise
            # The statements after the one that failed may have been sent already. Their results
            # would be raised when the pipeline ends.
            with suppress(psycopg.errors.PipelineAborted):
                pipeline.sync()


def statement_of(name: str, parameters: Parameters) -> bytes:
    """Return a statement, in its form for a Citus cluster if the parameters name the tenant."""
    return query_of_tenant(name) if "namespace_id" in parameters else query(name)


def _placeholders(statement: bytes) -> set[str]:
    return {name.decode() for name in re.findall(rb"%\((\w+)\)s", statement)}
