"""The operations that change an asset, for the OpenAPI document."""

from http import HTTPStatus
from typing import Any

from dreamlake_assets import errors
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.schemas.operation_parts import (
    ASSET_ID,
    BODY,
    DATABASE,
    TOKEN,
    example_of,
    headers_named,
    json_response,
    operation,
    title,
)

_Object = dict[str, Any]

_FAILURES = (
    *(*TOKEN, *DATABASE, errors.DatabaseReadOnly, errors.InvalidRequest),
    *(errors.NotFound, errors.AssetNotFound, errors.Forbidden, errors.PreconditionFailed),
    errors.Conflict,
)


def of_kind(kind: Kind, schema: _Object) -> dict[str, _Object]:
    """Return the operations that change assets of a kind, by path and method.

    :param schema: the component schemas of the document, by name.
    """
    url = f"/assets/{kind.name}/{{asset_id}}"
    return {
        url: {"patch": _update(kind, schema), "delete": _delete(kind)},
        f"{url}/restore": {"post": _restore(kind, schema)},
    }


def _update(kind: Kind, schema: _Object) -> _Object:
    request_schema, response_schema = f"{title(kind)}Patch", f"Whole{title(kind)}"
    example = example_of(schema[response_schema], kind.sample)
    described = operation(
        f"update{title(kind)}",
        kind.name,
        "Update an asset",
        "The body is a JSON Merge Patch (RFC 7396): members that are absent stay as they are, and"
        " null removes a value. A new `name` or `episodeName` moves the asset; the episode and the"
        " folders are created if they do not exist. `addTags` and `removeTags` edit `tags`, and so"
        " lose none when two clients do it at once; they cannot be combined with `tags`. A patch"
        " that changes nothing keeps the `ETag`.",
        parameters=[ASSET_ID, "If-Match"],
        success=json_response(200, response_schema, example, headers=("ETag",)),
        failures=(*_FAILURES, *BODY, errors.AssetDeleted),
    )
    body = {"schema": request_schema, "example": {"addTags": ["rain"], "removeTags": ["night"]}}
    content = dict.fromkeys(("application/merge-patch+json", "application/json"), body)
    described["requestBody"] = {"required": True, "content": content}
    return described


def _delete(kind: Kind) -> _Object:
    return operation(
        f"delete{title(kind)}",
        kind.name,
        "Delete an asset",
        "A deleted asset is in no list and is not downloaded. It can be restored, and its id still"
        " returns it, with `deletedAt`. Deleting it again changes nothing, also with the `If-Match`"
        " of the first time.",
        parameters=[ASSET_ID, "If-Match"],
        success={
            "204": {"description": HTTPStatus.NO_CONTENT.phrase, "headers": headers_named("ETag")}
        },
        failures=_FAILURES,
    )


def _restore(kind: Kind, schema: _Object) -> _Object:
    response_schema = f"Whole{title(kind)}"
    example = example_of(schema[response_schema], kind.sample)
    return operation(
        f"restore{title(kind)}",
        kind.name,
        "Restore a deleted asset",
        "Returns the whole asset. Restoring a live asset changes nothing.",
        parameters=[ASSET_ID, "If-Match"],
        success=json_response(200, response_schema, example, headers=("ETag",)),
        failures=(*_FAILURES, errors.MalformedJson, errors.BodyTooLarge),
    )
