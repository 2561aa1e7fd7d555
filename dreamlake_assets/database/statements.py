"""Runs the statements of ``sql/`` and counts their roundtrips."""

import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import cast

import psycopg

from dreamlake_assets import trace
from dreamlake_assets.database.connection import Connection, Row, is_cluster
from dreamlake_assets.database.queries import query, query_of_tenant
from dreamlake_assets.database.sqlstates import translated

Parameters = Mapping[str, object]

STREAM_CHUNK_ROWS = 1000


def fetch_one(connection: Connection, name: str, parameters: Parameters) -> Row | None:
    """The one row that a statement returns, or none. One roundtrip.

    :param name: of the file below ``sql/``, such as ``asset/insert``.
    :raises errors.AssetsError: see :mod:`.sqlstates`.
    """
    try:
        with trace.Roundtrip():
            statement = statement_of(name, parameters)
            return connection.execute(statement, parameters, prepare=True).fetchone()
    except psycopg.Error as error:
        raise translated(error) from error


def fetch_all(connection: Connection, name: str, parameters: Parameters) -> list[Row]:
    """All rows that a statement returns. One roundtrip.

    :raises errors.AssetsError: see :mod:`.sqlstates`.
    """
    try:
        with trace.Roundtrip():
            statement = statement_of(name, parameters)
            return connection.execute(statement, parameters, prepare=True).fetchall()
    except psycopg.Error as error:
        raise translated(error) from error


def stream(connection: Connection, name: str, parameters: Parameters) -> Generator[Row, None, None]:
    """The rows that a statement returns as they come, in constant memory. One roundtrip.

    To be closed before the connection is given back: a statement that was not read to its end is
    canceled then.

    :raises errors.AssetsError: see :mod:`.sqlstates`.
    """
    try:
        rows = cast(
            "Generator[Row, None, None]",
            connection.cursor().stream(
                statement_of(name, parameters), parameters, size=STREAM_CHUNK_ROWS
            ),
        )
        with closing(rows):
            with trace.Roundtrip():
                chunk = list(islice(rows, STREAM_CHUNK_ROWS))
            while chunk:
                yield from chunk
                with trace.MoreRows():
                    chunk = list(islice(rows, STREAM_CHUNK_ROWS))
    except psycopg.Error as error:
        raise translated(error) from error


def one_flight(
    connection: Connection, statements: Sequence[tuple[str, Parameters]]
) -> list[list[Row]]:
    """Run several statements as one transaction in one roundtrip: all of them, or none.

    They are sent together and end with one Sync, up to which PostgreSQL runs them as an implicit
    transaction: no BEGIN and no COMMIT is waited for. None can use what another returned.
    Citus commits each statement on its worker, but for those in a transaction that says so; there,
    BEGIN and COMMIT travel in the same flight.

    :returns: the rows of each statement; known only once the answer to the last one was read.
    :raises errors.AssetsError: see :mod:`.sqlstates`; nothing was written, unless the connection
        was lost (:class:`.errors.ConnectionLost`), when it may have been.
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
    """Prepare the hot statements, in one roundtrip, by running them for nobody."""
    try:
        with connection.pipeline():
            for name in names:
                nobody = dict.fromkeys(_placeholders(query(name)))
                connection.execute(query(name), nobody, prepare=True)
    except psycopg.ProgrammingError:
        # The schema is behind. /readyz says so, and it can only if it has a connection.
        return


def statement_of(name: str, parameters: Parameters) -> bytes:
    """The statement of a file, for one shard where the parameters name the tenant."""
    return query_of_tenant(name) if "namespace_id" in parameters else query(name)


def _placeholders(statement: bytes) -> set[str]:
    return {name.decode() for name in re.findall(rb"%\((\w+)\)s", statement)}
