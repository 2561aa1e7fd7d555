"""The application factory."""

import logging
from typing import Any

import orjson
import werkzeug.exceptions
from flask import Flask, Request
from werkzeug.exceptions import ClientDisconnected, HTTPException

from dreamlake_assets import limits, routes, services, trace
from dreamlake_assets.config import Settings
from dreamlake_assets.errors import (
    AssetsError,
    BodyTooLarge,
    InvalidRequest,
    MalformedJson,
    MethodNotAllowed,
    NotFound,
    UnsupportedMediaType,
)
from dreamlake_assets.routes.application import Application, Response
from dreamlake_assets.serving import logs
from dreamlake_assets.serving.headers import CrossOrigin, Origins
from dreamlake_assets.serving.observer import Observer

_log = logging.getLogger(__name__)

_INCOMPLETE_BODY = "The body is incomplete."

#: The errors that replace those of Flask, by status.
_ERRORS_BY_STATUS: dict[int, type[AssetsError]] = {
    each.status: each for each in (NotFound, MethodNotAllowed, BodyTooLarge, UnsupportedMediaType)
}


def create_app(settings: Settings | None = None) -> Flask:
    """Create the WSGI application and start connecting to the database.

    Call it in the process that serves, since connections do not survive a fork.

    :param settings: the settings; None reads them from the environment.
    :raises SettingsError: a setting is missing or bad.
    """
    app = Application(__name__, checks=[_read_body, _refuse_aliases])
    # A path is matched exactly: no slash is added, dropped or merged.
    app.url_map.merge_slashes = False
    routes.install(app)
    app.register_error_handler(AssetsError, _handle_assets_error)
    app.register_error_handler(HTTPException, _handle_http_exception)
    app.register_error_handler(Exception, _handle_unexpected_error)
    app.wsgi_app = observer = Observer(app.wsgi_app)
    observer.listeners.append(logs.log_request)
    settings = settings or services.read_settings()
    if settings.cors_origins:
        app.wsgi_app = CrossOrigin(observer, Origins(settings.cors_origins, settings.cors_headers))
    installed = services.install(app, settings)
    if installed.metrics is not None:
        observer.listeners.append(installed.metrics)
    installed.open()
    return app


def _read_body(request: Request) -> None:
    """Read the body of each request, even if the request is going to be refused.

    gunicorn would read an unread body after the response. By then the client may have sent its next
    request; gunicorn would read the beginning of that one, too, and never respond to it.
    """
    chunked = "HTTP_TRANSFER_ENCODING" in request.environ
    if not chunked and "CONTENT_LENGTH" not in request.environ:
        return
    longest = limits.body(request.path)
    if chunked:
        request.max_content_length = longest
    elif (request.content_length or 0) > longest:
        raise BodyTooLarge
    try:
        body = request.get_data()
    except ClientDisconnected:
        raise MalformedJson(_INCOMPLETE_BODY) from None
    if len(body) < (request.content_length or 0):
        raise MalformedJson(_INCOMPLETE_BODY)
    # Flask cuts a chunked body off at the limit without an error.
    if chunked and len(body) == longest and request.environ["wsgi.input"].read(1):
        raise BodyTooLarge


def _refuse_aliases(request: Request) -> None:
    """Refuse a doubled slash at the beginning of a path and an escaped one, which werkzeug accepts.

    nginx decides by the path, too, so a route must have one spelling only.

    :raises NotFound: the path has such a slash.
    """
    path = request.environ.get("RAW_URI", request.path).partition("?")[0]
    if request.environ["PATH_INFO"].startswith("//") or "%2f" in path.lower():
        raise NotFound


def _handle_assets_error(error: AssetsError) -> Response:
    if error.status == AssetsError.status:
        return _handle_unexpected_error(error)
    return _error_response(error)


def _handle_http_exception(exception: HTTPException) -> Response:
    error = _ERRORS_BY_STATUS.get(exception.code or 0, InvalidRequest)()
    if isinstance(exception, werkzeug.exceptions.MethodNotAllowed):
        error.headers["Allow"] = ", ".join(sorted(exception.valid_methods or ()))
    return _error_response(error)


def _handle_unexpected_error(error: Exception) -> Response:
    _log.error("request %s failed", trace.current().request_id, exc_info=error)
    return _error_response(AssetsError())


def _error_response(error: AssetsError) -> Response:
    current = trace.current()
    current.error_code, current.error_reason = error.code, error.reason
    body: dict[str, Any] = {
        "error": str(error),
        "code": error.code,
        "requestId": current.request_id,
    }
    if error.fields:
        body["fields"] = error.fields
    if error.invalid:
        body["invalid"] = error.invalid
    if error.next_cursor:
        body["nextCursor"] = error.next_cursor
    return Response(
        orjson.dumps(body), error.status, headers=error.headers, mimetype="application/json"
    )
