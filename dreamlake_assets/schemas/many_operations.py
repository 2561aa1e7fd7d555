"""The operations that delete and restore many assets, for the OpenAPI document."""

from typing import Any

from dreamlake_assets import errors, limits
from dreamlake_assets.schemas.operation_parts import (
    BODY,
    DATABASE,
    EXAMPLE_ID,
    TOKEN,
    json_response,
    operation,
)

_Object = dict[str, Any]

_FAILURES = (
    *(*TOKEN, *DATABASE, errors.DatabaseReadOnly, *BODY, errors.InvalidRequest),
    *(errors.Forbidden, errors.NamespaceNotFound, errors.ProjectNotFound, errors.AssetNotFound),
)
_PLACE = {"namespace": "testuser", "project": "robotics"}
_IDS = {
    "type": "array",
    "description": "The assets that changed. Those that did not need to are left out.",
    "items": {"type": "string", "format": "uuid"},
}


def of_many() -> dict[str, _Object]:
    """Return the operations on many existing assets, by path and method."""
    more = {
        "type": "boolean",
        "description": "Whether more assets match the selection; false with ids.",
    }
    delete = operation(
        "deleteMany",
        "batches",
        "Delete many assets",
        f"Deletes 1 to {limits.BATCH:,} assets of any kinds by their `ids`: all of them, or none if"
        " one is unknown, which is named by its position: `ids.3`. Instead of `ids`, the other"
        f" members select assets; all that are given must hold. Up to {limits.BATCH:,} are deleted,"
        " in the order of their names, except those that change meanwhile: while `more` is true,"
        " send the request again. Deleted assets can be restored: POST the `ids` of the response to"
        " `/assets/restore`. With `dryRun`, nothing is written.",
        success=json_response(
            200,
            _schema({"deleted": _count("deleted"), "more": more, "ids": _IDS}),
            {"deleted": 1, "more": False, "ids": [EXAMPLE_ID]},
        ),
        failures=(*_FAILURES, errors.EpisodeNotFound),
    )
    restore = operation(
        "restoreMany",
        "batches",
        "Restore many deleted assets",
        f"Restores 1 to {limits.BATCH:,} assets of any kinds by their `ids`: all of them, or none"
        " if one is unknown, which is named by its position: `ids.3`. With `dryRun`, nothing is"
        " written.",
        success=json_response(
            200,
            _schema({"restored": _count("restored"), "ids": _IDS}),
            {"restored": 1, "ids": [EXAMPLE_ID]},
        ),
        failures=_FAILURES,
    )
    body = {**_PLACE, "ids": [EXAMPLE_ID]}
    selection = {**_PLACE, "prefix": "/camera/", "tag": "night", "dryRun": True}
    examples = {"ids": {"value": body}, "selection": {"value": selection}}
    delete["requestBody"] = _body({"schema": "Deletion", "examples": examples})
    restore["requestBody"] = _body({"schema": "Restoration", "example": body})
    return {"/assets/delete": {"post": delete}, "/assets/restore": {"post": restore}}


def _count(verb: str) -> _Object:
    return {"type": "integer", "minimum": 0, "description": f"The number of {verb} assets."}


def _schema(properties: _Object) -> _Object:
    return {"type": "object", "required": [*properties], "properties": properties}


def _body(content: _Object) -> _Object:
    return {"required": True, "content": {"application/json": content}}
