"""Routes of the OpenAPI document, its page, and the page to look around. They need no token.

Beside the page are examples for client authors.
"""

from functools import cache
from importlib.resources import files
from mimetypes import guess_type
from pathlib import Path

from flask import Blueprint, request
from werkzeug.http import generate_etag

from dreamlake_assets.errors import NotFound
from dreamlake_assets.routes.application import Response
from dreamlake_assets.routes.request import conditional
from dreamlake_assets.schemas import openapi

blueprint = Blueprint("documentation", __name__)

_OWN = Path(__file__).parents[1] / "documentation"
_SWAGGER_UI = Path(str(files("flask_swagger_ui"))) / "dist"

#: The examples, and the files of the pages. The pages load no code from other hosts, so they work
#: without the internet.
_FILES = {
    path.name: path
    for path in (
        _OWN / "page.css",
        _OWN / "page.js",
        _OWN / "browse.css",
        _OWN / "browse.js",
        *(_OWN / "examples").glob("*.py"),
        _SWAGGER_UI / "swagger-ui.css",
        _SWAGGER_UI / "swagger-ui-bundle.js",
        _SWAGGER_UI / "favicon-32x32.png",
    )
}

#: A page may run its own scripts and send requests to the service, and nothing else.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DOCS_POLICY = f"{_POLICY}; img-src 'self' data:; connect-src 'self'"
#: The page may also load files from presigned URLs, and cannot use text as HTML or as a script.
_BROWSE_POLICY = (
    f"{_POLICY}; img-src 'self' {{files}}; media-src {{files}}; connect-src 'self' {{files}};"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)


@blueprint.get("/openapi.json")
def document() -> Response:
    """Return the OpenAPI document, or 304 if the client has the current version."""
    return _answer(*_document(), "application/json")


@blueprint.get("/docs")
def page() -> Response:
    """Return a page that shows the document and sends requests."""
    return _page("index.html", _DOCS_POLICY)


@blueprint.get("/browse")
def browse() -> Response:
    """Return a page to look around: projects, episodes, folders and assets."""
    # The local stack uses http. On a page that was sent with https, browsers block http.
    files = "https:" if request.is_secure else "http: https:"
    return _page("browse.html", _BROWSE_POLICY.format(files=files))


@blueprint.get("/docs/<name>")
def file(name: str) -> Response:
    """Return a file of a page, or an example."""
    if name not in _FILES:
        raise NotFound
    # Browsers show plain text, and some of them save other text as a file.
    media_type = "text/plain" if name.endswith(".py") else guess_type(name)[0]
    return _answer(*_read(_FILES[name]), media_type)


def _page(name: str, policy: str) -> Response:
    response = _answer(*_read(_OWN / name), "text/html")
    response.headers["Content-Security-Policy"] = policy
    return response


def _answer(content: bytes, etag: str, media_type: str | None) -> Response:
    response = Response(content, mimetype=media_type)
    response.set_etag(etag)
    return conditional(response)


@cache
def _document() -> tuple[bytes, str]:
    content = openapi.document()
    return content, generate_etag(content)


@cache
def _read(path: Path) -> tuple[bytes, str]:
    """Return the content of a file and its ETag. It takes 4 ms to read and hash the largest one."""
    content = path.read_bytes()
    return content, generate_etag(content)
