"""Parts that operations of the OpenAPI document are made of: parameters, responses, examples."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from dreamlake_assets import errors
from dreamlake_assets.errors import AssetsError
from dreamlake_assets.model.fields import Limit
from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.schemas import requests

_Object = dict[str, Any]

EXAMPLE_ID = "019d8b7a-91e0-7c4f-8a53-0d5e2f1b6c7a"
_EXAMPLE_REQUEST_ID = "4f1c2b7e9d3a4c5f8e6d7a1b2c3d4e5f"

_OF_EVERY_RESPONSE = (
    *("X-Request-Id", "Server-Timing", "X-Content-Type-Options"),
    *("Content-Security-Policy", "Referrer-Policy", "Cache-Control"),
)

ASSET_ID: _Object = {
    "in": "path",
    "name": "asset_id",
    "description": "The id of the asset.",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
    "example": EXAMPLE_ID,
}

#: Errors that many operations return.
TOKEN = (errors.Unauthenticated, errors.Unavailable)
DATABASE = (errors.DatabaseUnavailable, errors.DatabaseTimeout, errors.Overloaded)
BODY = (errors.MalformedJson, errors.BodyTooLarge, errors.UnsupportedMediaType)


def title(kind: Kind) -> str:
    """Return the name of a kind as it is in the names of operations and schemas."""
    return kind.name.title().replace("-", "")


def any_kind(schema_name: str) -> _Object:
    """Return the schema of an asset of any kind, which ``kind`` tells apart.

    :param schema_name: the name of the schema of a kind, with ``{}`` for its title.
    """
    references = {
        name: f"#/components/schemas/{schema_name.format(title(kind))}"
        for name, kind in KINDS.items()
    }
    return {
        "oneOf": [{"$ref": reference} for reference in references.values()],
        "discriminator": {"propertyName": "kind", "mapping": references},
    }


def operation(
    name: str,
    tag: str,
    summary: str,
    description: str,
    *,
    success: _Object,
    parameters: Iterable[_Object | str] = (),
    failures: Iterable[type[AssetsError]] = (),
    secured: bool = True,
) -> _Object:
    """Return an operation.

    :param failures: the errors that it returns.
    :param secured: whether it needs a token.
    """
    result: _Object = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "parameters": [*parameters, "X-Request-Id"],
        "responses": success | _error_responses(failures),
    }
    return result if secured else result | {"security": []}


def query(schema: requests.RequestSchema) -> list[_Object]:
    """Return the parameters of a query string."""
    return [{"in": "query", "schema": schema}]


def json_response(
    status: int, schema: str | _Object, example: Any, *, headers: Iterable[str] = ()
) -> _Object:
    """Return a JSON response, by its status.

    :param schema: a schema or its name; that of the items if the example is a list.
    """
    if isinstance(example, list):
        schema = {"type": "array", "items": schema}
    content = {"application/json": {"schema": schema, "example": example}}
    return {
        str(status): {
            "description": HTTPStatus(status).phrase,
            "headers": headers_named(*headers),
            "content": content,
        }
    }


def array(schema: str | _Object, example: Any) -> _Object:
    """Return the response of a list, also as NDJSON.

    :param schema: the schema of its items, or the name of it.
    """
    response = json_response(200, schema, [example], headers=("Link", "X-Next-Cursor", "Vary"))
    content = response["200"]["content"]
    # As in OpenAPI 3.2, the lines are described as an array.
    content["application/x-ndjson"] = {"schema": content["application/json"]["schema"]}
    return response


def headers_named(*names: str) -> dict[str, str]:
    """Return the headers of a response, by name: these, and those of every response."""
    return {name: name for name in (*_OF_EVERY_RESPONSE, *names)}


NOT_MODIFIED: _Object = {
    "304": {
        "description": "The ETag in `If-None-Match` is current.",
        "headers": headers_named("ETag"),
    }
}


def _error_responses(failures: Iterable[type[AssetsError]]) -> _Object:
    """Return the responses of errors, by status."""
    by_status: dict[int, dict[str, type[AssetsError]]] = {}
    for error in failures:
        by_status.setdefault(int(error.status), {})[error.code] = error
    return {
        str(status): _error_response(list(by_code.values()))
        for status, by_code in sorted(by_status.items())
    }


def _error_response(failures: list[type[AssetsError]]) -> _Object:
    """Return the response of errors with the same status."""
    code = {"properties": {"code": {"enum": [error.code for error in failures]}}}
    # Validators apply `then`. Client generators ignore it, and so use one class for all errors.
    # Redocly rejects the examples without `additionalProperties`.
    schema = {
        "$ref": "#/components/schemas/Error",
        "if": {},
        "then": {**code, "additionalProperties": True},
    }
    examples = {error.code: {"value": _example_error(error)} for error in failures}
    return {
        "description": "\n".join(f"- `{each.code}`: {each.sentence()}" for each in failures),
        "headers": headers_named(*failures[0]().headers),
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }


def _example_error(error: type[AssetsError]) -> _Object:
    body = {"code": error.code, "requestId": _EXAMPLE_REQUEST_ID}
    if error is errors.InvalidRequest:
        message = str(Limit.default_error_messages["invalid"])
        return {"error": f"limit: {message}", **body, "fields": {"limit": [message]}}
    return {"error": error.sentence(), **body}


def example_of(schema: _Object, known: Mapping[str, Any]) -> _Object:
    """Return an example of a schema: known values, and the examples of its other properties."""
    return {
        name: known[name] if name in known else _example_value(each)
        for name, each in schema["properties"].items()
    }


def _example_value(schema: _Object) -> Any:
    if schema.get("format") == "uuid":
        return EXAMPLE_ID
    return schema["examples"][0]
