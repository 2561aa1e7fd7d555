"""What the service says of itself. No token is asked for."""

from flask import Blueprint, Response, request

from dreamlake_assets import openapi

blueprint = Blueprint("documentation", __name__)


@blueprint.get("/openapi.json")
def document() -> Response:
    """Answer with the OpenAPI document; with 304 to whoever has it."""
    response = Response(openapi.document(), mimetype="application/json")
    response.add_etag()
    response.cache_control.no_cache = True
    response.make_conditional(request)
    return response
