"""The route that returns presigned URLs of many assets."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response

from dreamlake_assets import limits, store, trace
from dreamlake_assets.bss import File
from dreamlake_assets.errors import AssetsError, BssError, BssRecordMissing
from dreamlake_assets.model.cursors import Position
from dreamlake_assets.model.presigned import expires_at
from dreamlake_assets.routes import lists
from dreamlake_assets.routes.request import (
    authenticated_subject,
    json_body,
    json_response,
    refuse_query,
    validated,
)
from dreamlake_assets.schemas import downloads
from dreamlake_assets.services import services
from dreamlake_assets.store.download import Found

blueprint = Blueprint("downloads", __name__, url_prefix="/assets/download")

_PLACE = ("namespace", "project", "episode", "episode_id")
#: The name of the list that a cursor of a selection is valid for.
_OF = "download"


@blueprint.post("")
def download() -> Response:
    """Return presigned URLs of many assets, or of one page of those that match filters."""
    subject = authenticated_subject()
    refuse_query()
    given = json_body()
    query = validated(downloads.MANY, given)
    place = {name: query[name] for name in _PLACE}
    if query["items"] is not None:
        found = services().database.read(
            store.download.find, subject=subject, items=query["items"], **place
        )
        return json_response(_urls([_asked(item) for item in query["items"]], found))
    limit = query["limit"] or limits.URLS
    selected = services().database.read(
        store.download.select,
        kinds=lists.kinds_of(query["kind"]),
        subject=subject,
        filters=lists.selection(query),
        after=lists.position(_OF, given),
        row_limit=limit,
    )
    page = selected[:limit]
    next_page = {}
    if len(selected) > limit:
        last = Position(page[-1].name, page[-1].asset_id)
        next_page = {"nextCursor": lists.cursor_of(_OF, given, last)}
    try:
        body = _urls([{"id": each.asset_id} for each in page], page)
    except BssError as error:
        # BSS may have lost the files of this page only, so the client can go on behind it.
        error.next_cursor = next_page.get("nextCursor")
        raise
    return json_response(body | next_page)


def _asked(item: dict[str, Any]) -> dict[str, str]:
    """Return the members that name an item in the response."""
    if item["asset_id"] is not None:
        return {"id": item["asset_id"]}
    return {"path": item["name"]}


def _urls(asked: Sequence[dict[str, str]], found: Sequence[Found | AssetsError]) -> dict[str, Any]:
    """Return the body of the response.

    :param asked: the members that name each asset in an error.
    :raises BssError: BSS was asked, and no asset has a URL.
    """
    trace.current().assets = len(found)
    files = [_file(asset) for asset in found]
    urls = services().bss.presigned_urls(file for file in files if file is not None)
    assets, failed = [], 0
    for name, asset, file in zip(asked, found, files, strict=True):
        url = BssRecordMissing() if file is None else urls[file]
        failure = asset if isinstance(asset, AssetsError) else url
        if isinstance(asset, Found) and isinstance(url, str):
            assets.append(_download(asset, url))
        elif isinstance(failure, AssetsError):
            failed += 1
            assets.append({**name, "error": str(failure), "code": failure.code})
    return {"assets": assets, "failed": failed}


def _file(asset: Found | AssetsError) -> File | None:
    if isinstance(asset, Found) and asset.bss_id is not None:
        return asset.kind.bss_route, asset.bss_id
    return None


def _download(asset: Found, url: str) -> dict[str, str | None]:
    return {
        "id": asset.asset_id,
        "kind": asset.kind.name,
        "name": asset.name,
        "url": url,
        "filename": asset.name.rpartition("/")[2] if asset.name else asset.asset_id,
        "expiresAt": expires_at(url),
    }
