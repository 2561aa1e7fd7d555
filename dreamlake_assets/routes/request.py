"""Request parsing and response helpers shared by the routes."""

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import orjson
from flask import request
from marshmallow import Schema

from dreamlake_assets import trace
from dreamlake_assets.database.connection import Row
from dreamlake_assets.errors import (
    InvalidRequest,
    MalformedJson,
    PreconditionFailed,
    UnsupportedMediaType,
)
from dreamlake_assets.model import exact_json
from dreamlake_assets.model.etags import etag, expected_revisions, is_expected, is_known
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.model.names import IDEMPOTENCY_KEY_PATTERN
from dreamlake_assets.routes.application import Response
from dreamlake_assets.schemas import requests
from dreamlake_assets.services import services

#: A host, or an address in brackets, and a port (RFC 3986), as the client sent them.
_HOST = re.compile(r"([A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"

_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY_PATTERN)


def authenticated_subject() -> str:
    """Return the subject of the request's token.

    :raises Unauthenticated: the request has no token, or the token is not valid.
    """
    subject = services().authenticator.subject(request.headers.get("Authorization"))
    trace.current().subject = subject
    return subject


def json_body(*media_types: str) -> Any:
    """Return the parsed body of the request.

    :param media_types: the media types of the body that are accepted; by default only ``JSON``.
    :raises UnsupportedMediaType: the body has another media type, or is compressed.
    :raises MalformedJson: the body is not JSON, or is nested too deeply.
    """
    accepted = media_types or (JSON,)
    if request.mimetype not in accepted:
        raise UnsupportedMediaType(f"The body must be sent as {' or '.join(accepted)}.")
    try:
        return exact_json.loads(request.get_data().decode("utf-8", "surrogatepass"))
    except RecursionError:
        raise MalformedJson("The body is nested too deeply.") from None
    except ValueError as error:
        if "HTTP_CONTENT_ENCODING" in request.environ:
            raise UnsupportedMediaType(
                "The body must be sent without a Content-Encoding."
            ) from None
        raise MalformedJson(f"The body is not JSON: {error}.") from None


def idempotency_key() -> str | None:
    """Return the idempotency key of the request, or None.

    :raises InvalidRequest: the key is empty or too long, or has a character that is not allowed.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise invalid_value("Idempotency-Key", "Must have 1 to 255 visible ASCII characters.")
    return key


def query_string(*, repeatable: Collection[str] = ()) -> dict[str, Any]:
    """Return the parameters of the query string.

    :param repeatable: the parameters that may be given more than once. Their value is then a list;
        that of ``tag`` always is, as in the cursors of earlier releases.
    :raises InvalidRequest: any other parameter is given more than once, or a value is not UTF-8.
    """
    parameters: dict[str, list[str]] = {}
    for pair in request.query_string.replace(b"+", b" ").split(b"&"):
        if not pair:
            continue
        name_bytes, _, value = pair.partition(b"=")
        # No schema knows a name that is not UTF-8.
        name = unquote_to_bytes(name_bytes).decode(errors="backslashreplace")
        try:
            parameters.setdefault(name, []).append(unquote_to_bytes(value).decode())
        except UnicodeDecodeError:
            raise invalid_value(name, "Must be UTF-8: é is escaped as %C3%A9.") from None
    for name, values in parameters.items():
        if len(values) > 1 and name not in repeatable:
            raise invalid_value(name, "Given more than once.")
    return {
        name: values if len(values) > 1 or name == "tag" else values[0]
        for name, values in parameters.items()
    }


def refuse_query() -> None:
    """Refuse a query string on a route that has no parameters.

    :raises InvalidRequest: the request has a query parameter.
    """
    for name in query_string():
        raise invalid_value(name, requests.UNKNOWN)


def invalid_value(name: str, message: str) -> InvalidRequest:
    """Return the error for a value in a header or a query string."""
    return InvalidRequest(f"{name}: {message}", fields={name: [message]})


def validated(schema: Schema, given: Any) -> dict[str, Any]:
    """Return the validated values of a body or a query string, by column.

    :raises InvalidRequest: a value is not valid; the error names every such field.
    """
    loaded = requests.load(schema, given)
    trace.current().namespace = loaded["namespace"]
    return loaded


def base_url() -> str:
    """Return the URL of the request without its query, in ASCII.

    It is relative if the Host header is malformed. ``request.base_url`` of Flask decodes an
    internationalised host (punycode), and response headers are ASCII.
    """
    host = request.environ.get("HTTP_HOST", "")
    origin = f"{request.scheme}://{host}" if _HOST.fullmatch(host) else ""
    return origin + quote(request.root_path + request.path)


def json_response(value: Any, status: int = 200) -> Response:
    """Return a response with a JSON body."""
    return Response(orjson.dumps(value), status, mimetype="application/json")


def whole_asset(kind: Kind, row: Row) -> Response:
    """Return the response with all fields of an asset, and its ETag.

    :param row: the values of ``FOUND_COLUMNS``, which end in the revision.
    """
    return tagged(json_response(kind.details(row)), row[-1])


def tagged(response: Response, revision: int) -> Response:
    """Return the response with the ETag of a revision of an asset."""
    response.headers["ETag"] = etag(revision)
    return response


def conditional_asset(kind: Kind, row: Row, *, by_name: bool = False) -> Response:
    """Return the response with all fields of an asset, or 304 if If-None-Match has its ETag.

    :param by_name: whether the URL may show another asset the next time.
    :raises PreconditionFailed: If-Match has other ETags.
    """
    asset_id, revision = row[0], row[-1]
    if not is_expected(revision, expected_revisions(request.headers.get("If-Match"), asset_id)):
        raise PreconditionFailed
    response = json_response(kind.details(row))
    response.headers["ETag"] = tag = etag(revision, asset_id if by_name else None)
    # Caches must revalidate the response before they reuse it.
    response.cache_control.private = True
    response.cache_control.no_cache = True
    if is_known(tag, request.headers.get("If-None-Match")):
        response.status_code = 304
    return response


def conditional(response: Response) -> Response:
    """Return the response with an ETag, or 304 if If-None-Match has this ETag (RFC 9110).

    :raises PreconditionFailed: If-Match has other ETags.
    """
    response.add_etag()
    # Caches must revalidate the response before they reuse it.
    response.cache_control.no_cache = True
    response.make_conditional(request)
    # make_conditional() adds a Date, and gunicorn sends its own.
    del response.headers["Date"]
    if response.status_code == PreconditionFailed.status:
        raise PreconditionFailed
    return response
