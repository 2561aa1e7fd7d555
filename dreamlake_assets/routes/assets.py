"""Routes that register, list, show and download assets of every kind."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, request

from dreamlake_assets import store
from dreamlake_assets.errors import AssetsError, BssRecordMissing
from dreamlake_assets.model.etags import FIRST_REVISION
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.model.presigned import expires_at
from dreamlake_assets.routes import lists
from dreamlake_assets.routes.request import (
    authenticated_subject,
    conditional_asset,
    idempotency_key,
    json_body,
    json_response,
    query_string,
    refuse_query,
    tagged,
    validated,
)
from dreamlake_assets.schemas import queries, requests
from dreamlake_assets.services import services
from dreamlake_assets.store.asset import Registered

blueprint = Blueprint("assets", __name__, url_prefix="/assets/<kind:kind>")


@blueprint.post("")
def register(kind: Kind) -> Response:
    """Register an asset whose bytes are in BSS."""
    subject = authenticated_subject()
    refuse_query()
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
    response = json_response(registration(kind, asset, registered), 201)
    response.location = f"{request.root_path}/assets/{kind.name}/{registered.asset_id}"
    if registered.asset_id != asset_id:
        response.headers["Idempotent-Replayed"] = "true"
    return tagged(response, FIRST_REVISION)


def registration(kind: Kind, asset: dict[str, Any], registered: Registered) -> dict[str, Any]:
    """Return the published object of a registered asset."""
    return {
        "id": registered.asset_id,
        "projectId": registered.space_id,
        "episodeId": registered.episode_id,
        "nodeId": registered.node_id,
        "name": asset["name"],
        kind.bss_field: asset["bss_id"],
    }


@blueprint.get("")
def list_assets(kind: Kind) -> Response:
    """List assets by name: one page if the request has a limit, else all of them, streamed."""
    return lists.assets(
        kind.name, queries.LIST, [kind.name], view=None, items=kind.items, whole=kind.whole
    )


@blueprint.get("/<uuid:asset_id>")
def show(kind: Kind, asset_id: UUID) -> Response:
    """Return all fields of an asset, or 304 if the client has the current version."""
    subject = authenticated_subject()
    refuse_query()
    row = services().database.read(
        store.asset.find_by_id, kind=kind, subject=subject, asset_id=str(asset_id)
    )
    return conditional_asset(kind, row)


@blueprint.get("/download")
def download(kind: Kind) -> Response:
    """Return a presigned URL of the newest asset with a name."""
    subject = authenticated_subject()
    query = validated(requests.DOWNLOAD, query_string())
    name = query.pop("path")
    item = {"asset_id": None, "name": name, "kind": kind.name}
    [found] = services().database.read(store.download.find, subject=subject, items=[item], **query)
    if isinstance(found, AssetsError):
        raise found
    if found.bss_id is None:
        raise BssRecordMissing
    url = services().bss.presigned_url(kind.bss_route, found.bss_id)
    return json_response(
        {"url": url, "filename": name.rpartition("/")[2], "expiresAt": expires_at(url)}
    )
