"""The operations of the OpenAPI document: one for each route, with every error that it returns."""

from http import HTTPStatus
from typing import Any

from dreamlake_assets import errors, limits
from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.schemas import list_operations, requests
from dreamlake_assets.schemas.operation_parts import (
    ASSET_ID,
    BODY,
    DATABASE,
    EXAMPLE_ID,
    NOT_MODIFIED,
    TOKEN,
    example_of,
    headers_named,
    json_response,
    operation,
    query,
    title,
)

_Object = dict[str, Any]

_EXAMPLE_DOWNLOAD = {
    "url": "https://s3.example.com/videos/run01.mp4?X-Amz-Expires=900&X-Amz-Signature=5f8a",
    "filename": "run01.mp4",
    "expiresAt": "2026-04-14T09:45:00.000Z",
}
_EXAMPLE_IDENTITY = {
    "subject": "test-001",
    "namespace": {"slug": "testuser"},
    "namespaces": [{"slug": "testuser", "role": "writer"}],
}

_PATH = (errors.NamespaceNotFound, errors.ProjectNotFound, errors.EpisodeNotFound)
_BSS = (
    errors.BssUnreachable,
    errors.BssTimeout,
    errors.BssNoRedirect,
    errors.BssNoLocation,
    errors.BssBadLocation,
)
_REGISTER_FAILURES = (
    *(*TOKEN, *DATABASE, *BODY, errors.InvalidRequest),
    *(errors.Forbidden, errors.NamespaceNotFound, errors.IdempotencyKeyReused),
    errors.DatabaseReadOnly,
)


def of_kind(kind: Kind, schema: _Object) -> dict[str, _Object]:
    """Return the operations on assets of a kind, by path and method.

    :param schema: the component schemas of the document, by name.
    """
    return {
        f"/assets/{kind.name}": {
            "post": _register(kind, schema),
            "get": list_operations.of_kind(kind, schema),
        },
        f"/assets/{kind.name}/download": {"get": _download(kind)},
        f"/assets/{kind.name}/{{asset_id}}": {"get": _show(kind, schema)},
    }


def _register(kind: Kind, schema: _Object) -> _Object:
    request_schema, response_schema = f"{title(kind)}Registration", f"Registered{title(kind)}"
    example = example_of(schema[response_schema], kind.sample)
    result = operation(
        f"register{title(kind)}",
        kind.name,
        "Register an asset",
        "The bytes of the asset are in BSS, or are uploaded later. The project, the episode and the"
        " folders are created if they do not exist. Every request registers a new asset, unless it"
        " repeats an `Idempotency-Key`.",
        parameters=["Idempotency-Key"],
        success=json_response(
            201, response_schema, example, headers=("Location", "ETag", "Idempotent-Replayed")
        ),
        failures=_REGISTER_FAILURES,
    )
    body = {"schema": request_schema, "example": example_of(schema[request_schema], kind.sample)}
    result["requestBody"] = {"required": True, "content": {"application/json": body}}
    return result


def _download(kind: Kind) -> _Object:
    return operation(
        f"download{title(kind)}",
        kind.name,
        "Get a download URL",
        "Returns a presigned URL of the asset with this name that was registered last.",
        parameters=query(requests.DOWNLOAD),
        success=json_response(200, "Download", _EXAMPLE_DOWNLOAD),
        failures=(
            *(*TOKEN, *DATABASE, errors.InvalidRequest, errors.UrlTooLong, *_PATH),
            *(errors.AssetNotFound, errors.BssRecordMissing, *_BSS),
        ),
    )


def _show(kind: Kind, schema: _Object) -> _Object:
    response_schema = f"Whole{title(kind)}"
    example = example_of(schema[response_schema], kind.sample)
    return operation(
        f"get{title(kind)}",
        kind.name,
        "Get an asset",
        "Returns all fields of an asset in any namespace that the subject is a member of.",
        parameters=[ASSET_ID, "If-Match", "If-None-Match"],
        success=json_response(200, response_schema, example, headers=("ETag",)) | NOT_MODIFIED,
        failures=(
            *(*TOKEN, *DATABASE, errors.InvalidRequest),
            *(errors.NotFound, errors.AssetNotFound, errors.PreconditionFailed),
        ),
    )


def of_batches(schema: _Object) -> dict[str, _Object]:
    """Return the operations on many assets, by path and method.

    :param schema: the component schemas of the document, by name.
    """
    samples = [("Video", KINDS["video"]), ("TextTrack", KINDS["text-track"])]
    items, registered = (
        [
            example_of(schema[form.format(title)], {**kind.sample, "kind": kind.name})
            for title, kind in samples
        ]
        for form in ("{}Item", "Registered{}Item")
    )
    for item in items:
        # The batch names the episode.
        del item["episodeName"]
    success = json_response(
        201, _REGISTERED_BATCH, {"assets": registered}, headers=("Idempotent-Replayed",)
    )
    result = operation(
        "registerBatch",
        "batches",
        "Register many assets",
        f"Registers 1 to {limits.BATCH:,} assets of any kinds, all of them or none. The project,"
        " the episodes and the folders are created if they do not exist. An error names every"
        " invalid asset by its position: `assets.17.name`. If assets have the same name, the last"
        " one is the newest. An `Idempotency-Key` covers the whole batch. The body has at most"
        " 4 MiB.",
        parameters=["Idempotency-Key"],
        success=success,
        failures=_REGISTER_FAILURES,
    )
    body = {"schema": "Batch", "example": example_of(schema["Batch"], {"assets": items})}
    result["requestBody"] = {"required": True, "content": {"application/json": body}}
    return {"/assets/batch": {"post": result}, "/assets/download": {"post": _download_many()}}


def _download_many() -> _Object:
    path = "/camera/front/run01.mp4"
    found = {"id": EXAMPLE_ID, "kind": "video", "name": path, **_EXAMPLE_DOWNLOAD}
    missing = {
        "path": "/camera/front/run02.mp4",
        "error": errors.AssetNotFound.sentence(),
        "code": errors.AssetNotFound.code,
    }
    result = operation(
        "downloadMany",
        "batches",
        "Get many download URLs",
        f"Returns presigned URLs of up to {limits.URLS} assets: of `items`, which name them by id"
        " or by path, or of a selection by `prefix`, `glob` or episode, in pages. An asset that has"
        " no URL has an error instead, and `failed` counts these. The response is an error if BSS"
        " returned no URL at all; it also has the `nextCursor` of a page.",
        success=json_response(200, "Downloads", {"assets": [found, missing], "failed": 1}),
        failures=(*(*TOKEN, *DATABASE, *BODY, errors.InvalidRequest, *_PATH, *_BSS),),
    )
    example = {"namespace": "testuser", "project": "robotics", "items": [{"path": path}]}
    body = {"schema": "DownloadOfMany", "example": example}
    result["requestBody"] = {"required": True, "content": {"application/json": body}}
    return result


_REGISTERED_BATCH: _Object = {
    "type": "object",
    "required": ["assets"],
    "properties": {
        "assets": {
            "type": "array",
            "description": "The assets, in the order of the request.",
            "items": {"$ref": "#/components/schemas/RegisteredItem"},
        }
    },
}


def of_other_routes() -> dict[str, _Object]:
    """Return the operations that concern no kind, by path and method."""
    health = json_response(200, "Health", {"status": "ok"})
    get = {
        "/auth/me": operation(
            "identity",
            "identity",
            "Get the subject of the token",
            "Returns the subject, and the namespaces that it is a member of.",
            success=json_response(200, "Identity", _EXAMPLE_IDENTITY),
            failures=(*TOKEN, *DATABASE, errors.InvalidRequest),
        ),
        "/livez": operation(
            "live",
            "health",
            "Check liveness",
            "Returns 200 while the process serves requests, whatever the state of the database.",
            success=health,
            secured=False,
        ),
        "/readyz": operation(
            "ready",
            "health",
            "Check readiness",
            "Returns 200 if the database is available and has every migration of this version."
            " `writes` is present while the database takes no writes.",
            success=json_response(200, "Readiness", {"status": "ok"}),
            failures=(*DATABASE, errors.SchemaBehind),
            secured=False,
        ),
        "/docs": _page(
            "page",
            "Get this document as a page",
            "The page shows the document, and sends requests with a token that you paste.",
        ),
        "/browse": _page(
            "browse",
            "Get a page to look around",
            "The page shows projects, episodes, folders and assets, with a token that you paste.",
        ),
        "/openapi.json": operation(
            "document",
            "documentation",
            "Get this document",
            "The document changes only with the version of the service.",
            parameters=["If-None-Match"],
            success=json_response(200, {"type": "object"}, {"openapi": "3.1.0"}, headers=("ETag",))
            | NOT_MODIFIED,
            failures=(errors.PreconditionFailed,),
            secured=False,
        ),
    }
    return {path: {"get": operation} for path, operation in get.items()}


def _page(operation_id: str, summary: str, description: str) -> _Object:
    return operation(
        operation_id,
        "documentation",
        summary,
        description,
        parameters=["If-None-Match"],
        success={
            "200": {
                "description": HTTPStatus.OK.phrase,
                "headers": headers_named("ETag"),
                "content": {"text/html": {"schema": {"type": "string"}}},
            }
        }
        | NOT_MODIFIED,
        failures=(errors.PreconditionFailed,),
        secured=False,
    )
