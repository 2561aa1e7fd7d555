"""Checks of the service's responses against its OpenAPI document."""

import re
from functools import cache
from typing import Any
from urllib.parse import unquote

import jsonschema_rs
import orjson
from werkzeug.test import TestResponse

from dreamlake_assets.schemas import openapi

METHODS = ("get", "post", "patch", "delete")

#: Headers of HTTP itself, allowed in any response.
_OF_HTTP = {"Allow", "Content-Length", "Content-Type", "Date"}

#: Headers for browsers only, sent if DREAMLAKE_CORS_ORIGINS is set.
_OF_ORIGINS = {
    *("Vary", "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"),
    *("Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"),
}


@cache
def document() -> dict[str, Any]:
    """The document, with responses limited to the documented fields.

    The published document allows more: a client must accept fields that a later version adds.
    """
    document = orjson.loads(openapi.document())
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the document, or the part that it refers to."""
    if "$ref" not in part:
        return part
    found: Any = document()
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """A validator for a schema of the document."""
    return _validator_of(orjson.dumps(schema))


# Each response has half a dozen headers, and to make a validator takes a millisecond.
@cache
def _validator_of(schema: bytes) -> jsonschema_rs.Validator:
    whole = {**orjson.loads(schema), "components": document()["components"]}
    return jsonschema_rs.validator_for(whole, validate_formats=True)


def operation_at(path: str, method: str) -> dict[str, Any] | None:
    """The documented operation for a request, or None.

    :param path: as sent, or unquoted.
    """
    method = "get" if method == "HEAD" else method.lower()
    for template, operations in document()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[0-9a-fA-F-]{36}", re.escape(template))
        # An escaped slash does not separate segments of a path.
        if re.fullmatch(pattern, unquote(path)) and "%2f" not in path.lower():
            return operations.get(method)
    return None


def check(response: TestResponse) -> None:
    """Check the status, headers and body of a response against the document.

    The body of a streamed response is not checked, since that would consume it.
    """
    request = response.request
    path = re.sub(r"^https?://[^/]*|\?.*$", "", request.environ["RAW_URI"])
    operation = operation_at(path, request.method)
    if operation is None:
        # Unknown addresses and methods are not documented.
        return
    where = f"{request.method} {request.path}"
    assert str(response.status_code) in operation["responses"], (
        f"{where} answers {response.status_code}, which is not documented: {response.text}"
    )
    answer = operation["responses"][str(response.status_code)]
    _check_headers(where, response, answer["headers"])
    if "content" in answer and request.method != "HEAD" and not response.is_streamed:
        assert response.mimetype in answer["content"], f"{where} answers {response.mimetype}"
        if response.mimetype == "application/json":
            schema = answer["content"]["application/json"]["schema"]
            validator(schema).validate(response.get_json())


def _check_headers(where: str, response: TestResponse, documented: dict[str, Any]) -> None:
    for name, reference in documented.items():
        header = resolved(reference)
        value: Any = response.headers.get(name)
        if value is None:
            assert not header.get("required"), f"{where} answers without {name}"
            continue
        if header["schema"]["type"] == "integer":
            value = int(value)
        validator(header["schema"]).validate(value)
    undocumented = set(response.headers.keys()) - documented.keys() - _OF_HTTP - _OF_ORIGINS
    assert not undocumented, f"{where} answers with headers that are not documented"
