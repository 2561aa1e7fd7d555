"""Responses of lists: a page or a stream, as a JSON array or as NDJSON."""

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from io import BytesIO
from itertools import chain, islice, repeat
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import request
from marshmallow import Schema

from dreamlake_assets import limits, store
from dreamlake_assets.database.connection import Connection, Row
from dreamlake_assets.errors import UrlTooLong
from dreamlake_assets.model.cursors import InvalidCursor, Position
from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.routes.application import Response
from dreamlake_assets.routes.request import (
    authenticated_subject,
    base_url,
    invalid_value,
    query_string,
    validated,
)
from dreamlake_assets.schemas import queries
from dreamlake_assets.services import services
from dreamlake_assets.store.listing import Filters
from dreamlake_assets.store.lists import FULL, Listing

_Items = list[dict[str, Any]]

JSON = "application/json"
NDJSON = "application/x-ndjson"

#: A query string that may stand in a URL within a header as it is (RFC 3986).
_ESCAPED = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")


def response(
    of: str,
    given: Mapping[str, Any],
    limit: int | None,
    listing: Listing,
    items: Callable[[Iterable[Row]], _Items],
) -> Response:
    """Return a list: one page if the request has a limit, else all of it, streamed.

    :param of: a name of what is listed, such as a kind. A cursor is valid for it only.
    :param given: the parameters of the query string, as they were sent.
    :param items: returns the published objects of rows.
    :raises UrlTooLong: with a cursor, the URL of a next page could be longer than a URL may be.
    """
    if limit is None:
        rows = services().database.stream(store.lists.every, listing=listing)
        result = _streamed(rows, items, listing.chunk_rows)
    else:
        query = _query_of_next_page(of, given)
        database = services().database
        if limit <= listing.chunk_rows:
            rows = iter(database.read(store.lists.page, listing=listing, row_limit=limit))
            parts, last = _page(rows, items, limit, listing.chunk_rows)
        else:
            parts, last = database.read(_large_page, listing=listing, limit=limit, items=items)
        # One part is sent in one packet with the headers.
        body = b"".join(parts) if len(parts) <= 2 else parts
        result = Response(body, mimetype=_mimetype())
        if last is not None:
            cursor = cursor_of(of, given, last)
            result.headers["X-Next-Cursor"] = cursor
            result.headers["Link"] = f'<{base_url()}?{query}&cursor={cursor}>; rel="next"'
    result.headers["Vary"] = "Accept"
    return result


def assets(
    of: str,
    schema: Schema,
    kinds: Iterable[str],
    *,
    view: str | None,
    items: Callable[[Iterable[Row]], _Items],
    whole: Callable[[Iterable[Row]], _Items],
) -> Response:
    """Return the list of assets that the request asks for.

    :param of: as in :func:`response`.
    :param kinds: the kinds of the assets, unless the request names some of them.
    :param view: the view of a list that is not ``view=full``, as in :func:`.listing.assets`.
    :param items: returns the published objects of its rows.
    :param whole: returns those of the rows of ``view=full``.
    """
    subject = authenticated_subject()
    given = query_string(repeatable=queries.REPEATABLE)
    query = validated(schema, given)
    full = query["view"] is not None
    listing = store.listing.assets(
        kinds=[KINDS[name] for name in query.get("kinds") or kinds],
        subject=subject,
        filters=Filters(**{name: query[name] for name in Filters.__dataclass_fields__}),
        after=position(of, given),
        paged=query["limit"] is not None,
        view=FULL if full else view,
    )
    return response(of, given, query["limit"], listing, whole if full else items)


def selection(body: Mapping[str, Any]) -> Filters:
    """Return the filters of a body that selects assets, of one episode at most."""
    given = {name: body[name] for name in Filters.__dataclass_fields__ if name in body}
    return Filters(
        **given,
        episodes=[body["episode"]] if body["episode"] else [],
        episode_ids=[body["episode_id"]] if body["episode_id"] else [],
    )


def kinds_of(name: str | None) -> list[Kind]:
    """Return the kind with a name, or all kinds without one."""
    return [*KINDS.values()] if name is None else [KINDS[name]]


def position(of: str, given: Mapping[str, Any]) -> Position | None:
    """Return where the list starts: the position of the cursor, or None without one.

    :param of: as in :func:`response`.
    :param given: the parameters of the query string, as they were sent.
    :raises InvalidRequest: the cursor was altered, or was issued for another list.
    """
    if not given.get("cursor"):
        return None
    try:
        return services().cursors.read(given["cursor"], _filters(of, given))
    except InvalidCursor:
        raise invalid_value(
            "cursor", "Was altered, or was issued for other filters; begin again without it."
        ) from None


def cursor_of(of: str, given: Mapping[str, Any], last: Position) -> str:
    """Return the cursor of the next page.

    :param of: as in :func:`response`.
    :param given: the parameters of the request, as they were sent.
    :param last: the end of this page.
    """
    return services().cursors.write(last, _filters(of, given))


def _filters(of: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that a cursor is bound to: all but the limit and the cursor itself."""
    return {"kind": of, **given, "limit": "", "cursor": ""}


def _query_without_cursor(given: Mapping[str, Any]) -> str:
    """Return the query string of the request without the cursor, in ASCII.

    It is taken as the client escaped it, if that is an URL: to escape it again takes 20 us.
    """
    query = request.query_string.decode("latin-1")
    pairs = [pair for pair in query.split("&") if not pair.startswith("cursor=")]
    # The name of a parameter may be escaped, too.
    if _ESCAPED.fullmatch(query) and len(pairs) == query.count("&") + 1 - ("cursor" in given):
        return "&".join(pairs)
    return urlencode({name: each for name, each in given.items() if name != "cursor"}, doseq=True)


def _query_of_next_page(of: str, given: Mapping[str, Any]) -> str:
    query = _query_without_cursor(given)
    cursor_bytes = limits.EPISODE_CURSOR if of == "episodes" else limits.CURSOR
    longest = limits.TARGET - len("&cursor=") - cursor_bytes
    if len(f"{request.root_path}{request.path}?{query}") > longest:
        raise UrlTooLong(
            f"With limit, the path and the query must have at most {longest:,} bytes when escaped,"
            " because the URL of the next page also has a cursor."
        )
    return query


def _large_page(
    connection: Connection,
    *,
    listing: Listing,
    limit: int,
    items: Callable[[Iterable[Row]], _Items],
) -> tuple[list[bytes], Position | None]:
    """Read and encode a page in chunks. If it ends early, to cancel the statement takes a wait."""
    rows = store.lists.every(connection, listing=listing, row_limit=limit + 1)
    with closing(rows):
        return _page(rows, items, limit, listing.chunk_rows)


def _page(
    rows: Iterator[Row],
    items: Callable[[Iterable[Row]], _Items],
    limit: int,
    chunk_rows: int,
) -> tuple[list[bytes], Position | None]:
    """Encode a page. It ends at the limit, or with the chunk that makes it ``limits.PAGE_BYTES``.

    :param rows: the rows of the page, and one more if there is another page.
    :returns: the parts of the body, and where the page ends if there is another one.
    """
    body: list[bytes] = []
    size = 0
    last: Position | None = None

    def chunks() -> Iterator[_Items]:
        nonlocal last
        for chunk in _chunks(islice(rows, limit), items, chunk_rows):
            last = Position(chunk[-1]["name"], chunk[-1].get("id", ""))
            yield chunk
            if size >= limits.PAGE_BYTES:
                return

    for part in _encoded(chunks()):
        size += len(part)
        body.append(part)
    return body, None if next(rows, None) is None else last


def _streamed(
    rows: Generator[Row, None, None], items: Callable[[Iterable[Row]], _Items], chunk_rows: int
) -> Response:
    """Stream all rows. Wait for the first one, because it decides the status."""
    first = list(islice(rows, 1))
    chunks = _chunks(chain(first, rows), items, chunk_rows)
    result = Response(_encoded(chunks), mimetype=_mimetype())
    # Release the connection at once if the client disconnects, or sent HEAD and reads no body.
    # Closing the outer generator is not enough: one that never started does not close its source.
    result.call_on_close(rows.close)
    return result


def _chunks(
    rows: Iterator[Row], items: Callable[[Iterable[Row]], _Items], chunk_rows: int
) -> Iterator[_Items]:
    while chunk := items(islice(rows, chunk_rows)):
        yield chunk


def _mimetype() -> str:
    """Return the media type that the client prefers: JSON, unless it asks for NDJSON."""
    accepted = request.environ.get("HTTP_ACCEPT", "*/*")
    if accepted in ("*/*", JSON):
        return JSON
    return request.accept_mimetypes.best_match([JSON, NDJSON], JSON)


def _encoded(chunks: Iterator[_Items]) -> Iterator[bytes]:
    return _lines(chunks) if _mimetype() == NDJSON else _array(chunks)


def _array(chunks: Iterator[_Items]) -> Iterator[bytes]:
    separator = b"["
    for chunk in chunks:
        yield separator + orjson.dumps(chunk)[1:-1]
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _lines(chunks: Iterator[_Items]) -> Iterator[bytes]:
    """Encode NDJSON. The last line tells a list that was cut off from a whole one."""
    count = 0
    for chunk in chunks:
        count += len(chunk)
        yield _lines_of(chunk)
    yield _lines_of([{"end": True, "count": count}])


def _lines_of(items: _Items) -> bytes:
    """Encode items in lines.

    Each line is copied at once, and its memory is used for the next one. To keep all lines and then
    join them takes fifteen times as long, because orjson allocates 1 KiB for each.
    """
    lines = BytesIO()
    options = repeat(orjson.OPT_APPEND_NEWLINE)
    lines.writelines(map(orjson.dumps, items, repeat(None), options))
    return lines.getvalue()
