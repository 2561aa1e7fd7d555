"""The application factory."""

import logging
from typing import Any

import orjson
import werkzeug.exceptions
from flask import Flask, Response, request
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
from dreamlake_assets.serving import logs
from dreamlake_assets.serving.headers import CrossOrigin, Origins
from dreamlake_assets.serving.observer import Observer

_log = logging.getLogger(__name__)

_BROKE_OFF = "The body did not come to its end."

#: What the framework's own refusals are called here.
_REFUSALS: dict[int, type[AssetsError]] = {
    each.status: each for each in (NotFound, MethodNotAllowed, BodyTooLarge, UnsupportedMediaType)
}


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application, with its connections to the database being made.

    To be called in the process that serves: connections do not outlive a fork.

    :param settings: from the environment where they are not given.
    :raises SettingsError: a setting is missing or bad.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = limits.BODY
    # Of an address only the path matters: werkzeug would refuse a Host that is no name of IDNA.
    app.config["SERVER_NAME"] = "localhost"
    # It is taken as it is written: no redirects to what may have been meant.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    routes.install(app)
    app.before_request(_read_body)
    app.register_error_handler(AssetsError, _answer_error)
    app.register_error_handler(HTTPException, _answer_refusal)
    app.register_error_handler(Exception, _answer_failure)
    app.wsgi_app = observer = Observer(app.wsgi_app)
    observer.listeners.append(logs.log_request)
    settings = settings or services.read_settings()
    if settings.cors_origins:
        app.wsgi_app = CrossOrigin(observer, Origins(settings.cors_origins))
    made = services.install(app, settings)
    if made.metrics is not None:
        observer.listeners.append(made.metrics)
    made.open()
    return app


def _read_body() -> None:
    """Read the body of every request, also of one that is going to be refused.

    What the service leaves, gunicorn reads after the answer. By then the client may have sent its
    next request, of which gunicorn then takes the beginning, too, and which is never answered.
    """
    chunked = "HTTP_TRANSFER_ENCODING" in request.environ
    if not chunked and "CONTENT_LENGTH" not in request.environ:
        return
    try:
        body = request.get_data()
    except ClientDisconnected:
        raise MalformedJson(_BROKE_OFF) from None
    if len(body) < (request.content_length or 0):
        raise MalformedJson(_BROKE_OFF)
    # Flask cuts off what comes in chunks where it becomes too large.
    if chunked and len(body) == limits.BODY and request.environ["wsgi.input"].read(1):
        raise BodyTooLarge


def _answer_error(error: AssetsError) -> Response:
    return _answer(error) if error.status != AssetsError.status else _answer_failure(error)


def _answer_refusal(refusal: HTTPException) -> Response:
    error = _REFUSALS.get(refusal.code or 0, InvalidRequest)()
    if isinstance(refusal, werkzeug.exceptions.MethodNotAllowed):
        error.headers["Allow"] = ", ".join(sorted(refusal.valid_methods or ()))
    return _answer(error)


def _answer_failure(error: Exception) -> Response:
    _log.error("request %s failed", trace.current().request_id, exc_info=error)
    return _answer(AssetsError())


def _answer(error: AssetsError) -> Response:
    here = trace.current()
    here.error_code = error.code
    body: dict[str, Any] = {
        "error": str(error),
        "code": error.code,
        "requestId": here.request_id,
    }
    if error.fields:
        body["fields"] = error.fields
    return Response(
        orjson.dumps(body), error.status, headers=error.headers, mimetype="application/json"
    )
