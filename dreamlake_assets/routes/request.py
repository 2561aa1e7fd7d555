"""What every route reads and answers: who asks, the JSON of a body, a query string, an answer."""

import json
import re
from collections.abc import Collection
from typing import Any

import orjson
from flask import Response, request
from marshmallow import Schema

from dreamlake_assets import trace
from dreamlake_assets.errors import (
    InvalidRequest,
    MalformedJson,
    PreconditionFailed,
    UnsupportedMediaType,
)
from dreamlake_assets.model.names import IDEMPOTENCY_KEY_PATTERN
from dreamlake_assets.schemas import requests
from dreamlake_assets.services import services

_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY_PATTERN)


def authenticated_subject() -> str:
    """The subject of the request's token.

    :raises Unauthenticated: there is no token, or it does not verify.
    """
    subject = services().authenticator.subject(request.headers.get("Authorization"))
    trace.current().subject = subject
    return subject


def json_body() -> Any:
    """The body of the request.

    What is no JSON for orjson but for Python's own parser (NaN, 1e999, an unpaired surrogate) is
    passed on, so that the schema can name the field it stands in.

    :raises UnsupportedMediaType: it is not sent as JSON.
    :raises MalformedJson: it is not JSON.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    body = request.get_data()
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as refused:
        if "HTTP_CONTENT_ENCODING" in request.environ:
            raise UnsupportedMediaType(
                "The body must be sent without a Content-Encoding."
            ) from None
        try:
            # orjson reads an integer above 64 bits as a float, too; int() has a limit of its own.
            return json.loads(body.decode("utf-8", "surrogatepass"), parse_int=float)
        except RecursionError:
            raise MalformedJson("The body is nested too deep.") from None
        except ValueError:
            raise MalformedJson(f"The body is not JSON: {refused}.") from None


def idempotency_key() -> str | None:
    """The key under which the request shall be carried out once.

    :raises InvalidRequest: it is too long, or has other characters.
    """
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        message = "Must have 1 to 255 visible ASCII characters."
        raise InvalidRequest(f"Idempotency-Key: {message}", fields={"Idempotency-Key": [message]})
    return key


def query_string(*, repeatable: Collection[str] = ()) -> dict[str, Any]:
    """The parameters of the query string.

    :param repeatable: those that may be given more than once: all that was given, in a list.
    :raises InvalidRequest: another one is given twice.
    """
    parameters = request.args.to_dict(flat=False)
    for name, values in parameters.items():
        if len(values) > 1 and name not in repeatable:
            message = "Given more than once."
            raise InvalidRequest(f"{name}: {message}", fields={name: [message]})
    return {
        name: values if name in repeatable else values[0] for name, values in parameters.items()
    }


def validated(schema: Schema, given: Any) -> dict[str, Any]:
    """What was given, by column, where it is right.

    :raises InvalidRequest: names every field that is wrong.
    """
    loaded = requests.load(schema, given)
    trace.current().namespace = loaded["namespace"]
    return loaded


def json_answer(value: Any, status: int = 200) -> Response:
    """An answer with a JSON body."""
    return Response(orjson.dumps(value), status, mimetype="application/json")


def conditional(response: Response) -> Response:
    """An answer with an ETag, or 304 without a body where the client has it already (RFC 9110).

    :raises PreconditionFailed: the client asks for another one with If-Match.
    """
    response.add_etag()
    # Whoever keeps it asks whether it is still true.
    response.cache_control.no_cache = True
    response.make_conditional(request)
    # The server sends its own.
    del response.headers["Date"]
    if response.status_code == PreconditionFailed.status:
        raise PreconditionFailed
    return response
