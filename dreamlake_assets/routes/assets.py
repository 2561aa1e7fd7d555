"""Registering, listing and downloading assets of every kind."""

from collections.abc import Generator, Iterator
from itertools import chain, islice
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from flask import Blueprint, Response, request

from dreamlake_assets import store
from dreamlake_assets.database.connection import Row
from dreamlake_assets.database.statements import STREAM_CHUNK_ROWS
from dreamlake_assets.errors import BssRecordMissing, InvalidRequest
from dreamlake_assets.model.cursors import InvalidCursor, Position
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.routes.request import (
    authenticated_subject,
    conditional,
    idempotency_key,
    json_answer,
    json_body,
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
    registered = services().database.run(
        store.asset.register,
        kind=kind,
        asset_id=asset_id,
        subject=subject,
        asset=asset,
        idempotency_key=key,
    )
    response = json_answer(
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
    """List assets in the order of their names: a page of them, or all."""
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
    """Answer with all of an asset, or that it is what the client has already."""
    subject = authenticated_subject()
    row = services().database.read(
        store.asset.find_by_id, kind=kind, subject=subject, asset_id=str(asset_id)
    )
    response = json_answer(kind.details(row))
    response.cache_control.private = True
    return conditional(response)


@blueprint.get("/download")
def download(kind: Kind) -> Response:
    """Answer with a presigned URL of the newest asset that bears a name."""
    subject = authenticated_subject()
    query = validated(requests.DOWNLOAD, query_string())
    name = query.pop("path")
    bss_id = services().database.read(
        store.asset.find_by_name, kind=kind, subject=subject, name=name, **query
    )
    if bss_id is None:
        raise BssRecordMissing
    url = services().bss.presigned_url(kind.bss_route, bss_id)
    return json_answer({"url": url, "filename": name.rpartition("/")[2]})


def _page(kind: Kind, given: dict[str, Any], rows: list[Row], limit: int) -> Response:
    """One page; the store was asked for a row more than fits, to know whether there is a next."""
    response = json_answer(kind.items(rows[:limit]))
    if len(rows) > limit:
        asset_id, name = rows[limit - 1][:2]
        cursor = services().cursors.write(Position(name, asset_id), _filters(kind, given))
        response.headers["X-Next-Cursor"] = cursor
        # Flask knows no host with a '_'. The link is relative then, to what the client asked.
        address = request.base_url if request.host else request.root_path + request.path
        next_page = f"{address}?{urlencode({**given, 'cursor': cursor}, doseq=True)}"
        response.headers["Link"] = f'<{next_page}>; rel="next"'
    return response


def _streamed(kind: Kind, rows: Generator[Row, None, None]) -> Response:
    """All rows as they come. The first is waited for, since it decides on the status."""
    first = list(islice(rows, 1))
    response = Response(_json_array(kind, chain(first, rows)), mimetype="application/json")
    # Whoever goes away, or sent HEAD and reads nothing, frees the connection at once. Closing the
    # outer generator does not do it: one that was never begun has nothing to clean up.
    response.call_on_close(rows.close)
    return response


def _json_array(kind: Kind, rows: Iterator[Row]) -> Iterator[bytes]:
    separator = b"["
    while chunk := kind.items(islice(rows, STREAM_CHUNK_ROWS)):
        yield separator + orjson.dumps(chunk)[1:-1]
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _filters(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    """What a cursor is good for: everything that was asked but how much of it."""
    return {**given, "kind": kind.name, "limit": "", "cursor": ""}


def _position(kind: Kind, given: dict[str, Any]) -> Position | None:
    if not given.get("cursor"):
        return None
    try:
        return services().cursors.read(given["cursor"], _filters(kind, given))
    except InvalidCursor:
        message = "Was altered, or belongs to other filters."
        raise InvalidRequest(f"cursor: {message}", fields={"cursor": [message]}) from None
