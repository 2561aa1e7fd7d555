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
        "description": "Whether more assets are to be deleted; false with ids.",
    }
    delete = operation(
        "deleteMany",
        "batches",
        "Delete many assets",
        f"Deletes 1 to {limits.BATCH:,} assets of any kinds by their `ids`: all of them, or none if"
        " one is unknown, which is named by its position: `ids.3`. Deleted assets can be restored:"
        " POST the `ids` of the response to `/assets/restore`. With `dryRun`, nothing is written.",
        success=json_response(
            200,
            _schema({"deleted": _count("deleted"), "more": more, "ids": _IDS}),
            {"deleted": 1, "more": False, "ids": [EXAMPLE_ID]},
        ),
        failures=_FAILURES,
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
    for each in (delete, restore):
        content = {"application/json": {"schema": "Many", "example": body}}
        each["requestBody"] = {"required": True, "content": content}
    return {"/assets/delete": {"post": delete}, "/assets/restore": {"post": restore}}


def _count(verb: str) -> _Object:
    return {"type": "integer", "minimum": 0, "description": f"The number of {verb} assets."}


def _schema(properties: _Object) -> _Object:
    return {"type": "object", "required": [*properties], "properties": properties}
