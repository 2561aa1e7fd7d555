"""The operations of the OpenAPI document: one for each route, with every error that it returns."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from dreamlake_assets import errors
from dreamlake_assets.errors import AssetsError
from dreamlake_assets.model.fields import Limit
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.schemas import requests

_Object = dict[str, Any]

_EXAMPLE_ID = "019d8b7a-91e0-7c4f-8a53-0d5e2f1b6c7a"
_EXAMPLE_REQUEST_ID = "4f1c2b7e9d3a4c5f8e6d7a1b2c3d4e5f"
_EXAMPLE_DOWNLOAD = {
    "url": "https://s3.example.com/videos/run01.mp4?X-Amz-Expires=900&X-Amz-Signature=5f8a",
    "filename": "run01.mp4",
}
_EXAMPLE_IDENTITY = {
    "subject": "test-001",
    "namespace": {"slug": "testuser"},
    "namespaces": [{"slug": "testuser", "role": "writer"}],
}

_OF_EVERY_RESPONSE = (
    *("X-Request-Id", "Server-Timing", "X-Content-Type-Options"),
    *("Content-Security-Policy", "Referrer-Policy", "Cache-Control"),
)

_ASSET_ID: _Object = {
    "in": "path",
    "name": "asset_id",
    "description": "The id of the asset.",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
    "example": _EXAMPLE_ID,
}

_NDJSON = (
    "With `Accept: application/x-ndjson`, each item is a line; the last line is"
    ' `{"end": true, "count": <items>}`, which a list that was cut off lacks.'
)

_TOKEN = (errors.Unauthenticated, errors.Unavailable)
_DATABASE = (errors.DatabaseUnavailable, errors.DatabaseTimeout, errors.Overloaded)
_PATH = (errors.NamespaceNotFound, errors.ProjectNotFound, errors.EpisodeNotFound)
_BODY = (errors.MalformedJson, errors.BodyTooLarge, errors.UnsupportedMediaType)
_BSS = (
    errors.BssUnreachable,
    errors.BssTimeout,
    errors.BssNoRedirect,
    errors.BssNoLocation,
    errors.BssBadLocation,
)


def of_kind(kind: Kind, schema: _Object) -> dict[str, _Object]:
    """Return the operations on assets of a kind, by path and method.

    :param schema: the component schemas of the document, by name.
    """
    return {
        f"/assets/{kind.name}": {"post": _register(kind, schema), "get": _list(kind, schema)},
        f"/assets/{kind.name}/download": {"get": _download(kind)},
        f"/assets/{kind.name}/{{asset_id}}": {"get": _show(kind, schema)},
    }


def _register(kind: Kind, schema: _Object) -> _Object:
    request_schema, response_schema = f"{title(kind)}Registration", f"Registered{title(kind)}"
    example = _example(schema[response_schema], kind.sample)
    operation = _operation(
        f"register{title(kind)}",
        kind.name,
        "Register an asset",
        "The bytes of the asset are in BSS, or are uploaded later. The project, the episode and the"
        " folders are created if they do not exist. Every request registers a new asset, unless it"
        " repeats an `Idempotency-Key`.",
        parameters=["Idempotency-Key"],
        success=_json(201, response_schema, example, headers=("Location", "Idempotent-Replayed")),
        failures=(
            *(*_TOKEN, *_DATABASE, *_BODY, errors.InvalidRequest),
            *(errors.Forbidden, errors.NamespaceNotFound, errors.IdempotencyKeyReused),
            errors.DatabaseReadOnly,
        ),
    )
    body = {"schema": request_schema, "example": _example(schema[request_schema], kind.sample)}
    operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    return operation


def _list(kind: Kind, schema: _Object) -> _Object:
    return _operation(
        f"list{title(kind)}s",
        kind.name,
        "List assets",
        "Returns one page if `limit` is given, and all assets otherwise. Assets are ordered by the"
        " bytes of their names, then by id; assets without a name come last. Pages neither skip nor"
        " repeat an asset while others are registered. An asset must match every filter. "
        + _NDJSON,
        parameters=_query(requests.LIST),
        success=_array(title(kind), _example(schema[title(kind)], kind.sample)),
        failures=(*_TOKEN, *_DATABASE, errors.InvalidRequest, errors.UrlTooLong, *_PATH),
    )


def _download(kind: Kind) -> _Object:
    return _operation(
        f"download{title(kind)}",
        kind.name,
        "Get a download URL",
        "Returns a presigned URL of the asset with this name that was registered last.",
        parameters=_query(requests.DOWNLOAD),
        success=_json(200, "Download", _EXAMPLE_DOWNLOAD),
        failures=(
            *(*_TOKEN, *_DATABASE, errors.InvalidRequest, errors.UrlTooLong, *_PATH),
            *(errors.AssetNotFound, errors.BssRecordMissing, *_BSS),
        ),
    )


def _show(kind: Kind, schema: _Object) -> _Object:
    response_schema = f"Whole{title(kind)}"
    example = _example(schema[response_schema], kind.sample)
    return _operation(
        f"get{title(kind)}",
        kind.name,
        "Get an asset",
        "Returns all fields of an asset in any namespace that the subject is a member of.",
        parameters=[_ASSET_ID, "If-None-Match"],
        success=_json(200, response_schema, example, headers=("ETag",)) | _NOT_MODIFIED,
        failures=(
            *(*_TOKEN, *_DATABASE),
            *(errors.NotFound, errors.AssetNotFound, errors.PreconditionFailed),
        ),
    )


def of_places(schema: _Object) -> dict[str, _Object]:
    """Return the operations that list projects, episodes and folders, by path and method.

    :param schema: the component schemas of the document, by name.
    """
    pages = f"Returns one page if `limit` is given, and all otherwise. {_NDJSON}"
    lists = (
        (
            "Project",
            "Lists the projects of a namespace, ordered by the bytes of their slugs.",
            requests.PROJECTS,
            (errors.NamespaceNotFound,),
        ),
        (
            "Episode",
            "Lists the episodes of a project, ordered by the bytes of their names.",
            requests.EPISODES,
            (errors.NamespaceNotFound, errors.ProjectNotFound),
        ),
        (
            "Folder",
            "Lists the folders directly in a folder, ordered by the bytes of their paths.",
            requests.FOLDERS,
            _PATH,
        ),
    )
    return {
        f"/assets/{name.lower()}s": {
            "get": _operation(
                f"list{name}s",
                "places",
                f"List {name.lower()}s",
                f"{description} {pages}",
                parameters=_query(query),
                success=_array(name, _example(schema[name], {})),
                failures=(*_TOKEN, *_DATABASE, errors.InvalidRequest, errors.UrlTooLong, *missing),
            )
        }
        for name, description, query, missing in lists
    }


def of_other_routes() -> dict[str, _Object]:
    """Return the operations that concern no kind, by path and method."""
    health = _json(200, "Health", {"status": "ok"})
    get = {
        "/auth/me": _operation(
            "identity",
            "identity",
            "Get the subject of the token",
            "Returns the subject, and the namespaces that it is a member of.",
            success=_json(200, "Identity", _EXAMPLE_IDENTITY),
            failures=(*_TOKEN, *_DATABASE),
        ),
        "/livez": _operation(
            "live",
            "health",
            "Check liveness",
            "Returns 200 while the process serves requests, whatever the state of the database.",
            success=health,
            secured=False,
        ),
        "/readyz": _operation(
            "ready",
            "health",
            "Check readiness",
            "Returns 200 if the database is available and has every migration of this version."
            " `writes` is present while the database takes no writes.",
            success=_json(200, "Readiness", {"status": "ok"}),
            failures=(*_DATABASE, errors.SchemaBehind),
            secured=False,
        ),
        "/docs": _operation(
            "page",
            "documentation",
            "Get this document as a page",
            "The page shows the document, and sends requests with a token that you paste.",
            parameters=["If-None-Match"],
            success={
                "200": {
                    "description": HTTPStatus.OK.phrase,
                    "headers": _headers("ETag"),
                    "content": {"text/html": {"schema": {"type": "string"}}},
                }
            }
            | _NOT_MODIFIED,
            failures=(errors.PreconditionFailed,),
            secured=False,
        ),
        "/openapi.json": _operation(
            "document",
            "documentation",
            "Get this document",
            "The document changes only with the version of the service.",
            parameters=["If-None-Match"],
            success=_json(200, {"type": "object"}, {"openapi": "3.1.0"}, headers=("ETag",))
            | _NOT_MODIFIED,
            failures=(errors.PreconditionFailed,),
            secured=False,
        ),
    }
    return {path: {"get": operation} for path, operation in get.items()}


def title(kind: Kind) -> str:
    """Return the name of a kind as it is in the names of operations and schemas."""
    return kind.name.title().replace("-", "")


def _operation(
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
    operation: _Object = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "parameters": [*parameters, "X-Request-Id"],
        "responses": success | _error_responses(failures),
    }
    return operation if secured else operation | {"security": []}


def _query(schema: requests.RequestSchema) -> list[_Object]:
    return [{"in": "query", "schema": schema}]


def _json(
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
            "headers": _headers(*headers),
            "content": content,
        }
    }


def _array(schema: str, example: Any) -> _Object:
    """Return the response of a list, also as NDJSON.

    :param schema: the name of the schema of its items.
    """
    response = _json(200, schema, [example], headers=("Link", "X-Next-Cursor", "Vary"))
    content = response["200"]["content"]
    # As in OpenAPI 3.2, the lines are described as an array.
    content["application/x-ndjson"] = {"schema": content["application/json"]["schema"]}
    return response


def _headers(*names: str) -> dict[str, str]:
    return {name: name for name in (*_OF_EVERY_RESPONSE, *names)}


_NOT_MODIFIED: _Object = {
    "304": {
        "description": "The ETag in `If-None-Match` is current.",
        "headers": _headers("ETag"),
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
        "headers": _headers(*failures[0]().headers),
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }


def _example_error(error: type[AssetsError]) -> _Object:
    body = {"code": error.code, "requestId": _EXAMPLE_REQUEST_ID}
    if error is errors.InvalidRequest:
        message = str(Limit.default_error_messages["invalid"])
        return {"error": f"limit: {message}", **body, "fields": {"limit": [message]}}
    return {"error": error.sentence(), **body}


def _example(schema: _Object, known: Mapping[str, Any]) -> _Object:
    """Return an example of a schema: known values, and the examples of its other properties."""
    return {
        name: known[name] if name in known else _example_of(each)
        for name, each in schema["properties"].items()
    }


def _example_of(schema: _Object) -> Any:
    if schema.get("format") == "uuid":
        return _EXAMPLE_ID
    return schema["examples"][0]
