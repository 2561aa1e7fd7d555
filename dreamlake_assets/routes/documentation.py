"""What the service says of itself. No token is asked for."""

from importlib.resources import files
from mimetypes import guess_type
from pathlib import Path

from flask import Blueprint, Response

from dreamlake_assets.errors import NotFound
from dreamlake_assets.routes.request import conditional
from dreamlake_assets.schemas import openapi

blueprint = Blueprint("documentation", __name__)

_OWN = Path(__file__).parents[1] / "documentation"
_SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"

#: What the page is made of; nothing comes from elsewhere, so it works without the internet.
_FILES = {
    path.name: path
    for path in (
        _OWN / "page.css",
        _OWN / "page.js",
        _SWAGGER_UI / "swagger-ui.css",
        _SWAGGER_UI / "swagger-ui-bundle.js",
        _SWAGGER_UI / "favicon-32x32.png",
    )
}

#: The page may run its own scripts and ask the service, and nothing else.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/openapi.json")
def document() -> Response:
    """Answer with the OpenAPI document; with 304 to whoever has it."""
    return conditional(Response(openapi.document(), mimetype="application/json"))


@blueprint.get("/docs")
def page() -> Response:
    """Answer with a page that shows the document, and tries what it says."""
    response = Response((_OWN / "index.html").read_bytes(), mimetype="text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    return conditional(response)


@blueprint.get("/docs/<name>")
def file(name: str) -> Response:
    """Answer with a file of the page."""
    if name not in _FILES:
        raise NotFound
    kind, _ = guess_type(name)
    return conditional(Response(_FILES[name].read_bytes(), mimetype=kind))
