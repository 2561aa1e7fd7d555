"""The OpenAPI document, generated from the request and response schemas, the kinds and the errors.

To add to the document:

- a field: ``json_schema`` of its class, and the first line of its docstring as the description, or
  ``metadata`` where a schema uses the class for a purpose of its own; a ``title`` makes a component
  of the field, from which generators make a class;
- a kind: nothing, an entry in ``kinds.py`` is enough;
- a route: an operation in :mod:`.operations`, with every error that it returns;
- a header: an entry in ``_HEADERS`` or ``_PARAMETERS``, and its name at the operations that use it;
- an error: its name at the operations that return it.

Tests check that every route is documented, and that every response conforms to the document.
"""

from collections.abc import Iterator
from functools import cache
from operator import attrgetter
from typing import Any

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields

from dreamlake_assets import __version__, errors
from dreamlake_assets.model.fields import JSON_VALUE_SCHEMA
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.model.names import IDEMPOTENCY_KEY_PATTERN
from dreamlake_assets.schemas import (
    batches,
    change_operations,
    downloads,
    list_operations,
    many,
    many_operations,
    operation_parts,
    operations,
    patches,
    requests,
    responses,
)

_Object = dict[str, Any]

_DESCRIPTION = """\
The registry of DreamLake's recordings. Clients upload the bytes of a file to BSS, register the \
file here as an asset, and find it again by namespace, project, episode and path.

Every request except those for health, documentation and `/browse` needs \
`Authorization: Bearer <token>`. Unknown and repeated fields of a body are errors, as are unknown \
query parameters. Later versions may add members to responses.

## Examples

Programs in Python, which need `requests`. Save [assets_client.py](docs/assets_client.py) beside \
them, and set `DREAMLAKE_TOKEN`.

- [upload_folder.py](docs/upload_folder.py) uploads a folder, and resumes where it was interrupted.
- [download_videos.py](docs/download_videos.py) loops over the videos of an episode.
- [export_project.py](docs/export_project.py) exports a project to Parquet with DuckDB.
- [find_lerobot.py](docs/find_lerobot.py) finds the files of a LeRobot dataset.

## Names

Names are compared byte by byte. Composed (NFC) and decomposed (NFD, as on macOS) letters are \
different names, so normalize names to NFC. A backslash is an ordinary character, so convert the \
paths of Windows.

## Errors

The body of an error has a sentence in `error`, a stable `code` and the `requestId`. Each \
operation lists its codes. `namespace_not_found` also means that the subject is not a member.

After 503, wait for the seconds in `Retry-After` and try again; after 502, try again. To repeat a \
POST whose response was lost, send it with the same `Idempotency-Key`.

<details>
<summary>All codes</summary>

| status | code | when |
|---|---|---|
%s

</details>
"""

_HEADERS: dict[str, _Object] = {
    "X-Request-Id": {
        "description": "The id of the request in the log of the service, as sent or generated.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
    },
    "Server-Timing": {
        "description": "Milliseconds spent in the database and in BSS before the response began,"
        " and the number of roundtrips to the database.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Link": {
        "description": 'The next page, as `<URL>; rel="next"`. Absent on the last page.',
        "schema": {"type": "string", "pattern": '^<.+>; rel="next"$'},
    },
    "X-Next-Cursor": {
        "description": "The `cursor` of the next page. Absent on the last page.",
        "schema": {"type": "string"},
    },
    "Vary": {
        "description": "`Accept`, which selects JSON or NDJSON.",
        "required": True,
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "The required scheme, and the reason why a token is not valid.",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer "},
    },
    "Retry-After": {
        "description": "The number of seconds to wait before the next attempt.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "Location": {
        "description": "The URL of the asset.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Content-Location": {
        "description": "The URL of the asset that was found.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Idempotent-Replayed": {
        "description": "`true` if this is the response to an earlier request with the same key.",
        "schema": {"type": "string", "const": "true"},
    },
    "X-Content-Type-Options": {
        "description": "Tells browsers not to guess another content type.",
        "required": True,
        "schema": {"type": "string", "const": "nosniff"},
    },
    "Content-Security-Policy": {
        "description": "Limits what a browser may load and run if it shows the response as a page.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Referrer-Policy": {
        "description": "Tells browsers not to send the URL to other sites.",
        "required": True,
        "schema": {"type": "string", "const": "no-referrer"},
    },
    "Cache-Control": {
        "description": "`no-cache` if it responds to a GET and has an `ETag`, else `no-store`.",
        "required": True,
        "schema": {"type": "string", "enum": ["no-store", "no-cache", "private, no-cache"]},
    },
    "ETag": {
        "description": "Identifies this version, for `If-None-Match` and `If-Match`.",
        "required": True,
        "schema": {"type": "string"},
    },
}

_PARAMETERS: dict[str, _Object] = {
    "X-Request-Id": {
        "in": "header",
        "description": "Identifies the request in the log of the service: up to 128 letters,"
        " digits, dots, underscores, colons and hyphens. Any other value is replaced.",
        "schema": {"type": "string"},
    },
    "Idempotency-Key": {
        "in": "header",
        "description": "Makes the request safe to repeat. Generate a new key for each asset, such"
        " as a UUID. The same request with the same key registers nothing and returns the first"
        " response again, also to another writer of the namespace. Keys do not expire.",
        "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$"},
    },
    "If-Match": {
        "in": "header",
        "description": "`ETag`s of the asset. If none of them is current, the response is 412 and"
        " nothing is written. Weak ones never match; `*` always does.",
        "schema": {"type": "string"},
    },
    "If-None-Match": {
        "in": "header",
        "description": "The `ETag` of an earlier response. If it is current, the response is 304.",
        "schema": {"type": "string"},
    },
}

_TAGS = {
    **{name: f"Assets of the kind `{name}`." for name in KINDS},
    "assets": "Assets of all kinds.",
    "places": "Projects, episodes and folders.",
    "batches": "Many assets in one request.",
    "identity": "The subject of the token, and its namespaces.",
    "health": "For load balancers and monitoring.",
    "documentation": "This document, also as a page.",
}


class _Converter(OpenAPIConverter):
    """Converts our own fields, and the nullability of requests and responses."""

    def field2property(self, field: fields.Field[Any]) -> _Object:
        """Convert a field. One with a title becomes a component, and the property a reference.

        Client generators make one class of a component. Without it they make a class of every
        property that is an object or an enumeration.
        """
        converted = super().field2property(field)
        if "title" not in converted:
            return converted
        kept = {key: converted.pop(key) for key in ("description", "examples") if key in converted}
        name = converted.pop("title")
        reference: _Object = {"$ref": f"#/components/schemas/{name}"}
        if isinstance(converted["type"], list):
            # A property may be null. A component may not, since no generated class has null.
            converted["type"] = converted["type"][0]
            if "enum" in converted:
                converted["enum"].remove(None)
            reference = {"anyOf": [reference, {"type": "null"}]}
        if self.spec.components.schemas.get(name) != converted:
            # Raises an error if another schema has the name.
            self.spec.components.schema(name, converted)
        return {**reference, **kept}

    def init_attribute_functions(self) -> None:
        """Add the functions for schemas of fields."""
        super().init_attribute_functions()
        self.attribute_functions += [_own_schema, _nullability, _default]

    def init_parameter_attribute_functions(self) -> None:
        """Add the function for examples of parameters."""
        super().init_parameter_attribute_functions()
        self.parameter_attribute_functions.append(_example_of_required)


class _Plugin(MarshmallowPlugin):
    Converter = _Converter


def _own_schema(field: fields.Field[Any], *, ret: _Object) -> _Object:
    """Return the schema of one of our own fields; its ``metadata`` overrides that of its class."""
    schema: _Object | None = getattr(field, "json_schema", None)
    if schema is None:
        return {}
    own = {"description": (type(field).__doc__ or "").splitlines()[0], **schema}
    if "enum" in ret:
        del own["pattern"]
    return {**own, **field.metadata}


def _nullability(field: fields.Field[Any], *, ret: _Object) -> _Object:
    """Set whether null is allowed. In a body it means not given; a query string has no null."""
    match field.parent:
        case (
            requests.AssetSchema()
            | batches.BatchSchema()
            | downloads.ManySchema()
            | downloads.ItemSchema()
            | many.RestoreSchema()
            | patches.PatchSchema()
        ):
            allowed = not field.required
        case requests.RequestSchema():
            allowed = False
        case _:
            allowed = field.allow_none
    if "enum" in ret:
        ret["enum"] = [each for each in ret["enum"] if each is not None] + [None] * allowed
    if "type" in ret:
        kind = ret["type"] if isinstance(ret["type"], str) else ret["type"][0]
        ret["type"] = [kind, "null"] if allowed else kind
    return {}


def _default(_: fields.Field[Any], *, ret: _Object) -> _Object:
    """Move a default into the description: openapi-typescript requires fields with ``default``."""
    default = ret.pop("default", None)
    if default is None:
        return {}
    return {"description": f"{ret['description']} Default: `{str(default).removesuffix('.0')}`."}


def _example_of_required(field: fields.Field[Any], **converted: Any) -> _Object:
    """Return an example for a required parameter, which the page of the document fills in."""
    return {"example": converted["ret"]["schema"]["examples"][0]} if field.required else {}


@cache
def document() -> bytes:
    """Return the document as JSON. The first call generates it."""
    spec = APISpec(
        title="DreamLake assets",
        version=__version__,
        openapi_version="3.1.0",
        plugins=[_Plugin()],
        info={"description": _DESCRIPTION % "\n".join(_error_rows())},
        # Relative to the URL of the document.
        servers=[{"url": "."}],
        security=[{"token": []}],
        tags=[{"name": name, "description": words} for name, words in _TAGS.items()],
    )
    _add_components(spec)
    for kind in KINDS.values():
        _add(spec, operations.of_kind(kind, spec.components.schemas))
        _add(spec, change_operations.of_kind(kind, spec.components.schemas))
    _add(spec, list_operations.of_all_kinds(spec.components.schemas))
    _add(spec, list_operations.of_places(spec.components.schemas))
    _add(spec, operations.of_batches(spec.components.schemas))
    _add(spec, many_operations.of_many())
    _add(spec, operations.of_other_routes())
    return orjson.dumps(spec.to_dict())


def _add(spec: APISpec, paths: dict[str, _Object]) -> None:
    for path, each in paths.items():
        spec.path(path, operations=each)


def _error_rows() -> Iterator[str]:
    for error in sorted(errors.catalogue(), key=attrgetter("status")):
        yield f"| {error.status:d} | `{error.code}` | {error.sentence()} |"


def _add_components(spec: APISpec) -> None:
    token = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    spec.components.security_scheme("token", token)
    for name, header in _HEADERS.items():
        spec.components.header(name, header)
    for name, parameter in _PARAMETERS.items():
        spec.components.parameter(name, "header", parameter)
    spec.components.schema("JsonValue", JSON_VALUE_SCHEMA)
    spec.components.schema("Error", schema=responses.ErrorSchema)
    spec.components.schema("Download", schema=responses.DownloadSchema)
    spec.components.schema("DownloadItem", schema=downloads.ItemSchema)
    spec.components.schema("DownloadOfMany", schema=downloads.ManySchema)
    spec.components.schema("FoundDownload", schema=responses.FoundDownloadSchema)
    spec.components.schema("FailedDownload", schema=responses.FailedDownloadSchema)
    spec.components.schema("Downloads", schema=responses.DownloadsSchema)
    spec.components.schema("Identity", schema=responses.IdentitySchema)
    spec.components.schema("Health", schema=responses.HealthSchema)
    spec.components.schema("Readiness", schema=responses.ReadinessSchema)
    spec.components.schema("Project", schema=responses.project_schema())
    spec.components.schema("Episode", schema=responses.episode_schema())
    spec.components.schema("Folder", schema=responses.folder_schema())
    for kind in KINDS.values():
        title = operation_parts.title(kind)
        spec.components.schema(f"{title}Registration", schema=requests.REGISTER[kind.name])
        spec.components.schema(f"{title}Patch", schema=patches.PATCH[kind.name])
        spec.components.schema(f"Registered{title}", schema=responses.registered_schema(kind))
        spec.components.schema(title, schema=responses.item_schema(kind))
        spec.components.schema(f"Listed{title}", schema=responses.item_schema(kind, mixed=True))
        spec.components.schema(f"Whole{title}", schema=responses.details_schema(kind))
        spec.components.schema(f"{title}Item", schema=batches.ITEM[kind.name])
        spec.components.schema(
            f"Registered{title}Item", schema=responses.registered_schema(kind, in_batch=True)
        )
    spec.components.schema("Batch", schema=batches.BATCH)
    spec.components.schema("Deletion", schema=many.DELETE)
    spec.components.schema("Restoration", schema=many.RESTORE)
    spec.components.schema("Item", operation_parts.any_kind("{}Item"))
    spec.components.schema("RegisteredItem", operation_parts.any_kind("Registered{}Item"))
