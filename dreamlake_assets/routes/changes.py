"""Routes that update, delete and restore an asset of any kind."""

from uuid import UUID

from flask import Blueprint, request

from dreamlake_assets import store, trace
from dreamlake_assets.model.etags import expected_revisions
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.routes.application import Response
from dreamlake_assets.routes.request import (
    JSON,
    MERGE_PATCH,
    authenticated_subject,
    json_body,
    refuse_query,
    tagged,
    whole_asset,
)
from dreamlake_assets.schemas import patches, requests
from dreamlake_assets.services import services
from dreamlake_assets.store.change import Change

blueprint = Blueprint("changes", __name__, url_prefix="/assets/<kind:kind>/<uuid:asset_id>")


@blueprint.patch("")
def update(kind: Kind, asset_id: UUID) -> Response:
    """Update an asset by a merge patch, and return all its fields."""
    change = _change(kind, asset_id)
    patch = requests.load(patches.PATCH[kind.name], json_body(MERGE_PATCH, JSON))
    return whole_asset(
        kind, services().database.write(store.change.update, change=change, patch=patch)
    )


@blueprint.delete("")
def delete(kind: Kind, asset_id: UUID) -> Response:
    """Delete an asset, which can be restored."""
    change = _change(kind, asset_id)
    revision = services().database.write(store.change.delete, change=change)
    return tagged(Response(status=204), revision)


@blueprint.post("/restore")
def restore(kind: Kind, asset_id: UUID) -> Response:
    """Restore a deleted asset, and return all its fields."""
    change = _change(kind, asset_id)
    return whole_asset(kind, services().database.write(store.change.restore, change=change))


def _change(kind: Kind, asset_id: UUID) -> Change:
    """Return the change that the request asks for, with an id of its own."""
    subject = authenticated_subject()
    refuse_query()
    trace.current().change_id = change_id = str(uuid7())
    revisions = expected_revisions(request.headers.get("If-Match"), str(asset_id))
    return Change(kind, subject, str(asset_id), change_id, revisions)
