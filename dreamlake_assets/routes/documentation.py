"""What the service says of itself. No token is asked for."""

from flask import Blueprint, Response

from dreamlake_assets import openapi
from dreamlake_assets.http import conditional

blueprint = Blueprint("documentation", __name__)


@blueprint.get("/openapi.json")
def document() -> Response:
    """Answer with the OpenAPI document; with 304 to whoever has it."""
    return conditional(Response(openapi.document(), mimetype="application/json"))
