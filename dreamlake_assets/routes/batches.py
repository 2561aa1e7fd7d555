"""The route that registers many assets in one request."""

from flask import Blueprint, Response

from dreamlake_assets import store, trace
from dreamlake_assets.model.ids import first_of_batch
from dreamlake_assets.routes.assets import registration
from dreamlake_assets.routes.request import (
    authenticated_subject,
    idempotency_key,
    json_body,
    json_response,
    refuse_query,
)
from dreamlake_assets.schemas import batches
from dreamlake_assets.services import services

blueprint = Blueprint("batches", __name__, url_prefix="/assets/batch")


@blueprint.post("")
def register() -> Response:
    """Register up to 1,000 assets of any kinds: all of them, or none."""
    subject = authenticated_subject()
    refuse_query()
    first_id, key = first_of_batch(), idempotency_key()
    with services().batch():
        batch = batches.load(json_body())
        current = trace.current()
        current.namespace, current.assets = batch.namespace, len(batch.assets)
        registered = services().database.write(
            store.batch.register,
            first_id=first_id,
            subject=subject,
            namespace=batch.namespace,
            project=batch.project,
            assets=batch.assets,
            idempotency_key=key,
        )
        items = [
            {"kind": kind.name, **registration(kind, asset, ids)}
            for (kind, asset), ids in zip(batch.assets, registered, strict=True)
        ]
        response = json_response({"assets": items}, 201)
    if registered[0].asset_id != str(first_id):
        response.headers["Idempotent-Replayed"] = "true"
    return response
