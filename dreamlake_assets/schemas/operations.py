"""The operations of the OpenAPI document: one for each route, with every error that it answers."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from dreamlake_assets import errors
from dreamlake_assets.errors import AssetsError
from dreamlake_assets.model.fields import Limit
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.model.names import SLUG_PATTERN
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

SPACE: _Object = {
    "in": "query",
    "name": "space",
    "description": "What older clients call `project`. Instead of it, or the same.",
    "deprecated": True,
    "schema": {"type": "string", "pattern": f"^({SLUG_PATTERN})?$"},
}

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
    """The operations on assets of a kind, by path and method.

    :param schema: the component schemas of the document, by name.
    """
    return {
        f"/assets/{kind.name}": {"post": _register(kind, schema), "get": _list(kind, schema)},
        f"/assets/{kind.name}/download": {"get": _download(kind)},
        f"/assets/{kind.name}/{{asset_id}}": {"get": _show(kind, schema)},
    }


def _register(kind: Kind, schema: _Object) -> _Object:
    asked, answered = f"{title(kind)}Registration", f"Registered{title(kind)}"
    example = _example(schema[answered], kind.sample)
    operation = _operation(
        f"register{title(kind)}",
        kind.name,
        "Register an asset",
        "Its bytes are in BSS, or will be. The project, the episode and the folders are made where"
        " they are missing. Every request registers a new asset, but for `Idempotency-Key`.",
        parameters=["Idempotency-Key"],
        answer=_json(201, answered, example, headers=("Location", "Idempotent-Replayed")),
        refusals=(
            *(*_TOKEN, *_DATABASE, *_BODY, errors.InvalidRequest),
            *(errors.Forbidden, errors.NamespaceNotFound, errors.IdempotencyKeyReused),
        ),
    )
    body = {"schema": asked, "example": _example(schema[asked], kind.sample)}
    operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    return operation


def _list(kind: Kind, schema: _Object) -> _Object:
    example = [_example(schema[title(kind)], kind.sample)]
    return _operation(
        f"list{title(kind)}s",
        kind.name,
        "List assets",
        "A page where `limit` is given, else all. By name, byte by byte, then by id; those without"
        " a name come last. Nothing is skipped or repeated while others register.",
        parameters=_query(requests.LIST),
        answer=_json(200, title(kind), example, headers=("Link", "X-Next-Cursor")),
        refusals=(*_TOKEN, *_DATABASE, errors.InvalidRequest, *_PATH),
    )


def _download(kind: Kind) -> _Object:
    return _operation(
        f"download{title(kind)}",
        kind.name,
        "Find where to download an asset",
        "Of several assets that bear the name it is the newest.",
        parameters=_query(requests.DOWNLOAD),
        answer=_json(200, "Download", _EXAMPLE_DOWNLOAD),
        refusals=(
            *(*_TOKEN, *_DATABASE, errors.InvalidRequest, *_PATH),
            *(errors.AssetNotFound, errors.BssRecordMissing, *_BSS),
        ),
    )


def _show(kind: Kind, schema: _Object) -> _Object:
    answered = f"Whole{title(kind)}"
    example = _example(schema[answered], kind.sample)
    return _operation(
        f"get{title(kind)}",
        kind.name,
        "Get all of an asset",
        "By its id alone, in whichever namespace it is that the subject is a member of.",
        parameters=[_ASSET_ID, "If-None-Match"],
        answer=_json(200, answered, example, headers=("ETag",)) | _NOT_MODIFIED,
        refusals=(
            *(*_TOKEN, *_DATABASE),
            *(errors.NotFound, errors.AssetNotFound, errors.PreconditionFailed),
        ),
    )


def of_other_routes() -> dict[str, _Object]:
    """The operations that have to do with no kind, by path and method."""
    health = _json(200, "Health", {"status": "ok"})
    get = {
        "/auth/me": _operation(
            "identity",
            "identity",
            "Tell whose token it is",
            "And where its subject may read and write.",
            answer=_json(200, "Identity", _EXAMPLE_IDENTITY),
            refusals=(*_TOKEN, *_DATABASE),
        ),
        "/livez": _operation(
            "live",
            "health",
            "Tell that the process serves",
            "Whatever the database does.",
            answer=health,
            secured=False,
        ),
        "/readyz": _operation(
            "ready",
            "health",
            "Tell whether all is there that requests need",
            "The database, and every migration that this version knows.",
            answer=health,
            refusals=(*_DATABASE, errors.SchemaBehind),
            secured=False,
        ),
        "/docs": _operation(
            "page",
            "documentation",
            "This document as a page",
            "Where a person pastes a token and tries each call.",
            parameters=["If-None-Match"],
            answer={
                "200": {
                    "description": HTTPStatus.OK.phrase,
                    "headers": _headers("ETag"),
                    "content": {"text/html": {"schema": {"type": "string"}}},
                }
            }
            | _NOT_MODIFIED,
            refusals=(errors.PreconditionFailed,),
            secured=False,
        ),
        "/openapi.json": _operation(
            "document",
            "documentation",
            "This document",
            "It changes with the version of the service only.",
            parameters=["If-None-Match"],
            answer=_json(200, {"type": "object"}, {"openapi": "3.1.0"}, headers=("ETag",))
            | _NOT_MODIFIED,
            refusals=(errors.PreconditionFailed,),
            secured=False,
        ),
    }
    return {path: {"get": operation} for path, operation in get.items()}


def title(kind: Kind) -> str:
    """The name of a kind in the names of operations and schemas."""
    return kind.name.title().replace("-", "")


def _operation(
    name: str,
    tag: str,
    summary: str,
    description: str,
    *,
    answer: _Object,
    parameters: Iterable[_Object | str] = (),
    refusals: Iterable[type[AssetsError]] = (),
    secured: bool = True,
) -> _Object:
    operation: _Object = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "description": description,
        "parameters": [*parameters, "X-Request-Id"],
        "responses": answer | _refused(refusals),
    }
    return operation if secured else operation | {"security": []}


def _query(schema: requests.RequestSchema) -> list[_Object]:
    return [{"in": "query", "schema": schema}, SPACE]


def _json(
    status: int, schema: str | _Object, example: Any, *, headers: Iterable[str] = ()
) -> _Object:
    """An answer by its status; a schema by its name, of each item where the example is a list."""
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


def _headers(*names: str) -> dict[str, str]:
    return {name: name for name in (*_OF_EVERY_RESPONSE, *names)}


_NOT_MODIFIED: _Object = {
    "304": {"description": "It is what you have.", "headers": _headers("ETag")}
}


def _refused(refusals: Iterable[type[AssetsError]]) -> _Object:
    """The answers of errors, by their status."""
    of_status: dict[int, dict[str, type[AssetsError]]] = {}
    for error in refusals:
        of_status.setdefault(int(error.status), {})[error.code] = error
    return {str(status): _refusal(list(of.values())) for status, of in sorted(of_status.items())}


def _refusal(refusals: list[type[AssetsError]]) -> _Object:
    """The answer of errors that have the same status."""
    code = {"properties": {"code": {"enum": [error.code for error in refusals]}}}
    examples = {error.code: {"value": _example_error(error)} for error in refusals}
    return {
        "description": "\n".join(f"- `{each.code}`: {each.sentence()}" for each in refusals),
        "headers": _headers(*refusals[0]().headers),
        "content": {
            "application/json": {"schema": {"allOf": ["Error", code]}, "examples": examples}
        },
    }


def _example_error(error: type[AssetsError]) -> _Object:
    body = {"code": error.code, "requestId": _EXAMPLE_REQUEST_ID}
    if error is errors.InvalidRequest:
        message = str(Limit.default_error_messages["invalid"])
        return {"error": f"limit: {message}", **body, "fields": {"limit": [message]}}
    return {"error": error.sentence(), **body}


def _example(schema: _Object, known: Mapping[str, Any]) -> _Object:
    """An object of a schema: what is known of it, and the examples of its other properties."""
    return {
        name: known[name] if name in known else _example_of(each)
        for name, each in schema["properties"].items()
        if "deprecated" not in each
    }


def _example_of(schema: _Object) -> Any:
    if schema.get("format") == "uuid":
        return _EXAMPLE_ID
    return schema["examples"][0] if "examples" in schema else schema["default"]
