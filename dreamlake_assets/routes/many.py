"""Routes that delete and restore many assets."""

from typing import Any

from flask import Blueprint, Response

from dreamlake_assets import store, trace
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.routes import lists
from dreamlake_assets.routes.request import (
    authenticated_subject,
    json_body,
    json_response,
    refuse_query,
    validated,
)
from dreamlake_assets.schemas import many
from dreamlake_assets.services import services
from dreamlake_assets.store.many import Changes

blueprint = Blueprint("many", __name__, url_prefix="/assets")


@blueprint.post("/delete")
def delete() -> Response:
    """Delete up to 1,000 assets, by their ids or by a selection."""
    subject = authenticated_subject()
    refuse_query()
    body = validated(many.DELETE, json_body())
    if body["ids"] is not None:
        changed = services().database.write(store.many.delete, changes=_changes(subject, body))
        return _response("deleted", changed, more=False)
    # Not in one operation with the deletion: a repeated one would select further assets.
    selected = services().database.run(
        store.many.select,
        kinds=lists.kinds_of(body["kind"]),
        subject=subject,
        filters=lists.selection(body),
    )
    changed = body["ids"] = list(selected.revisions)
    if changed and not body["dry_run"]:
        changed = services().database.write(
            store.many.delete,
            changes=_changes(subject, body),
            revisions=list(selected.revisions.values()),
        )
    return _response("deleted", changed, more=selected.more)


@blueprint.post("/restore")
def restore() -> Response:
    """Restore up to 1,000 deleted assets, by their ids."""
    subject = authenticated_subject()
    refuse_query()
    body = validated(many.RESTORE, json_body())
    changed = services().database.write(store.many.restore, changes=_changes(subject, body))
    return _response("restored", changed)


def _changes(subject: str, body: dict[str, Any]) -> Changes:
    """Return the change that the request asks for, with an id of its own."""
    trace.current().change_id = change_id = str(uuid7())
    return Changes(
        subject, body["namespace"], body["project"], change_id, body["ids"], body["dry_run"]
    )


def _response(verb: str, ids: list[str], **others: bool) -> Response:
    trace.current().assets = len(ids)
    return json_response({verb: len(ids), **others, "ids": ids})
