"""Lists of any kind of rows: one page, or all rows as they arrive."""

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeGuard

from dreamlake_assets.database.connection import Connection, Row
from dreamlake_assets.database.statements import STREAM_CHUNK_ROWS, fetch_all, stream
from dreamlake_assets.database.tenants import tenant
from dreamlake_assets.errors import NamespaceNotFound
from dreamlake_assets.store.missing import require_found

#: The views of a list of assets: see ``sql/README.md``, "Keys of a page".
ITEM = "asset/view_item"
FULL = "asset/view_full"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: a statement whose rows are ordered by name, and its parameters.

    Each row begins with the id and the name of what is listed and ends with ``missing``. If nothing
    is listed, there is one row whose id and name are null.

    :param statement: name of the file.
    :param parameters: the parameters of the statement, except ``row_limit``. There may be others.
    :param view: name of the file that returns the columns of each asset in the list.
    """

    statement: str
    parameters: Mapping[str, Any]
    view: str | None = None

    @property
    def chunk_rows(self) -> int:
        """The rows of a stream to hold at a time. A whole asset may have 64 KiB of metadata."""
        return STREAM_CHUNK_ROWS // 20 if self.view == FULL else STREAM_CHUNK_ROWS

    @property
    def name(self) -> str:
        """The name of the statement with its view, as :func:`.queries.query` takes it."""
        return self.statement if self.view is None else f"{self.view} of {self.statement}"


def page(connection: Connection, *, listing: Listing, row_limit: int) -> list[Row]:
    """Return one page. Takes one roundtrip, or two on a Citus cluster.

    :param row_limit: rows on the page.
    :returns: the rows; one more than ``row_limit`` if there is another page.
    :raises NotFound: the namespace, project or episode does not exist, or the subject is not a
        member of the namespace.
    """
    rows = fetch_all(connection, listing.name, _parameters(connection, listing, row_limit + 1))
    return rows if _has_rows(rows[0] if rows else None) else []


def every(
    connection: Connection, *, listing: Listing, row_limit: int | None = None
) -> Generator[Row, None, None]:
    """Yield rows as they arrive from the database, in the order of :func:`page`.

    Takes one roundtrip, or two on a Citus cluster. The caller must close the iterator.

    :param row_limit: the maximum number of rows; None for all.
    :raises NotFound: the namespace, project or episode does not exist, or the subject is not a
        member of the namespace.
    """
    parameters = _parameters(connection, listing, row_limit)
    with closing(
        stream(connection, listing.name, parameters, chunk_rows=listing.chunk_rows)
    ) as rows:
        first = next(rows, None)
        if _has_rows(first):
            yield first
            yield from rows


def _parameters(
    connection: Connection, listing: Listing, row_limit: int | None
) -> dict[str, object]:
    of_tenant = tenant(
        connection,
        namespace=listing.parameters["namespace"],
        subject=listing.parameters["subject"],
        writes=False,
    )
    return {**listing.parameters, **of_tenant, "row_limit": row_limit}


def _has_rows(first: Row | None) -> TypeGuard[Row]:
    """Return whether anything is listed.

    :param first: first row of the statement.
    :raises NotFound: the namespace, project or episode does not exist, or the subject is not a
        member of the namespace.
    """
    if first is None:
        raise NamespaceNotFound
    require_found(first[-1])
    # The id of a folder may be null, and so may the name of an asset.
    return first[0] is not None or first[1] is not None
