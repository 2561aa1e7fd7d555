"""Route that identifies the subject of a token."""

from flask import Blueprint, Response

from dreamlake_assets import store
from dreamlake_assets.routes.request import authenticated_subject, json_response, refuse_query
from dreamlake_assets.services import services

blueprint = Blueprint("identity", __name__, url_prefix="/auth")


@blueprint.get("/me")
def me() -> Response:
    """Return the subject of the token and its namespaces."""
    subject = authenticated_subject()
    refuse_query()
    memberships = services().database.run(store.namespace.list_of, subject=subject)
    writable = next((slug for slug, role in memberships if role == "writer"), None)
    return json_response(
        {
            "subject": subject,
            "namespace": {"slug": writable} if writable else None,
            "namespaces": [{"slug": slug, "role": role} for slug, role in memberships],
        }
    )
