"""Routes of assets whatever their kind."""

from flask import Blueprint, Response, request

from dreamlake_assets import store
from dreamlake_assets.errors import AssetNotFound
from dreamlake_assets.model.kinds import KINDS, items_of_kinds, whole_of_kinds
from dreamlake_assets.routes import lists
from dreamlake_assets.routes.request import (
    authenticated_subject,
    conditional_asset,
    query_string,
    validated,
)
from dreamlake_assets.schemas import queries
from dreamlake_assets.services import services
from dreamlake_assets.store.lists import ITEM

blueprint = Blueprint("all_kinds", __name__, url_prefix="/assets")


@blueprint.get("")
def list_assets() -> Response:
    """List assets of all kinds, or of those that the request names, in one order."""
    return lists.assets(
        "assets", queries.ALL_KINDS, KINDS, view=ITEM, items=items_of_kinds, whole=whole_of_kinds
    )


@blueprint.get("/lookup")
def look_up() -> Response:
    """Return all fields of the newest asset with a name, whatever its kind."""
    subject = authenticated_subject()
    query = validated(queries.LOOKUP, query_string(repeatable=["kind"]))
    name, kinds = query.pop("path"), query.pop("kinds") or KINDS
    listing = store.listing.newest(
        kinds=[KINDS[kind] for kind in kinds], subject=subject, name=name, **query
    )
    rows = services().database.read(store.lists.page, listing=listing, row_limit=1)
    if not rows:
        raise AssetNotFound
    asset_id, kind = rows[0][:2]
    response = conditional_asset(KINDS[kind], rows[0][:-1], by_name=True)
    response.headers["Content-Location"] = f"{request.root_path}/assets/{kind}/{asset_id}"
    return response
