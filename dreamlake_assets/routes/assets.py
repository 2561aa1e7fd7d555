"""Routes that register, list, show and download assets of every kind."""

from collections.abc import Generator, Iterator
from itertools import chain, islice
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from flask import Blueprint, Response, request

from dreamlake_assets import limits, store
from dreamlake_assets.database.connection import Row
from dreamlake_assets.database.statements import STREAM_CHUNK_ROWS
from dreamlake_assets.errors import BssRecordMissing, UrlTooLong
from dreamlake_assets.model.cursors import InvalidCursor, Position
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.routes.request import (
    authenticated_subject,
    base_url,
    conditional,
    idempotency_key,
    invalid_value,
    json_body,
    json_response,
    query_string,
    validated,
)
from dreamlake_assets.schemas import requests
from dreamlake_assets.services import services
from dreamlake_assets.store.listing import Filters

blueprint = Blueprint("assets", __name__, url_prefix="/assets/<kind:kind>")


@blueprint.post("")
def register(kind: Kind) -> Response:
    """Register an asset whose bytes are in BSS."""
    subject = authenticated_subject()
    asset_id, key = str(uuid7()), idempotency_key()
    asset = validated(requests.REGISTER[kind.name], json_body())
    registered = services().database.write(
        store.asset.register,
        kind=kind,
        asset_id=asset_id,
        subject=subject,
        asset=asset,
        idempotency_key=key,
    )
    response = json_response(
        {
            "id": registered.asset_id,
            "projectId": registered.space_id,
            "episodeId": registered.episode_id,
            "nodeId": registered.node_id,
            "name": asset["name"],
            kind.bss_field: asset["bss_id"],
        },
        201,
    )
    response.location = f"{request.root_path}/assets/{kind.name}/{registered.asset_id}"
    if registered.asset_id != asset_id:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@blueprint.get("")
def list_assets(kind: Kind) -> Response:
    """List assets by name: one page if the request has a limit, else all of them, streamed."""
    subject = authenticated_subject()
    given = query_string(repeatable=requests.REPEATABLE)
    query = validated(requests.LIST, given)
    listing = {
        "kind": kind,
        "subject": subject,
        "filters": Filters(**{name: query[name] for name in Filters.__dataclass_fields__}),
        "after": _position(kind, given),
        "row_limit": query["limit"],
    }
    if query["limit"] is None:
        return _streamed(kind, services().database.stream(store.listing.every, **listing))
    rows = services().database.read(store.listing.page, **listing)
    return _page(kind, given, rows, query["limit"])


@blueprint.get("/<uuid:asset_id>")
def show(kind: Kind, asset_id: UUID) -> Response:
    """Return all fields of an asset, or 304 if the client has the current version."""
    subject = authenticated_subject()
    row = services().database.read(
        store.asset.find_by_id, kind=kind, subject=subject, asset_id=str(asset_id)
    )
    response = json_response(kind.details(row))
    response.cache_control.private = True
    return conditional(response)


@blueprint.get("/download")
def download(kind: Kind) -> Response:
    """Return a presigned URL of the newest asset with a name."""
    subject = authenticated_subject()
    query = validated(requests.DOWNLOAD, query_string())
    name = query.pop("path")
    bss_id = services().database.read(
        store.asset.find_by_name, kind=kind, subject=subject, name=name, **query
    )
    if bss_id is None:
        raise BssRecordMissing
    url = services().bss.presigned_url(kind.bss_route, bss_id)
    return json_response({"url": url, "filename": name.rpartition("/")[2]})


def _page(kind: Kind, given: dict[str, Any], rows: list[Row], limit: int) -> Response:
    """Return one page. A row beyond the limit means that there is a next page.

    :raises UrlTooLong: with a cursor, the URL of a next page could be longer than a URL may be.
    """
    response = json_response(kind.items(rows[:limit]))
    query = urlencode({n: value for n, value in given.items() if n != "cursor"}, doseq=True)
    longest = limits.TARGET - len("&cursor=") - limits.CURSOR
    if len(f"{request.root_path}{request.path}?{query}") > longest:
        raise UrlTooLong(
            f"With limit, the path and the query must have at most {longest:,} bytes when escaped,"
            " because the URL of the next page also has a cursor."
        )
    if len(rows) > limit:
        asset_id, name = rows[limit - 1][:2]
        cursor = services().cursors.write(Position(name, asset_id), _filters(kind, given))
        response.headers["X-Next-Cursor"] = cursor
        response.headers["Link"] = f'<{base_url()}?{query}&cursor={cursor}>; rel="next"'
    return response


def _streamed(kind: Kind, rows: Generator[Row, None, None]) -> Response:
    """Stream all rows. Wait for the first one, because it decides the status."""
    first = list(islice(rows, 1))
    response = Response(_json_array(kind, chain(first, rows)), mimetype="application/json")
    # Release the connection at once if the client disconnects, or sent HEAD and reads no body.
    # Closing the outer generator is not enough: one that never started does not close its source.
    response.call_on_close(rows.close)
    return response


def _json_array(kind: Kind, rows: Iterator[Row]) -> Iterator[bytes]:
    separator = b"["
    while chunk := kind.items(islice(rows, STREAM_CHUNK_ROWS)):
        yield separator + orjson.dumps(chunk)[1:-1]
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _filters(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that a cursor is bound to: all but the limit and the cursor itself."""
    return {**given, "kind": kind.name, "limit": "", "cursor": ""}


def _position(kind: Kind, given: dict[str, Any]) -> Position | None:
    if not given.get("cursor"):
        return None
    try:
        return services().cursors.read(given["cursor"], _filters(kind, given))
    except InvalidCursor:
        raise invalid_value("cursor", "Was altered, or was issued for other filters.") from None
