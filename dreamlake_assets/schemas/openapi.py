"""The OpenAPI document: made from the schemas that validate, from the kinds and from the errors.

Where to add what the document shall say:

- a field: ``json_schema`` of its class, whose docstring describes it; ``metadata`` where a schema
  uses the class for something of its own;
- a kind: nothing, it is an entry in ``kinds.py``;
- a route: an operation in :mod:`.operations`, with every error that it answers;
- a header: an entry in ``_HEADERS`` or ``_PARAMETERS``, and its name where it is sent;
- an error: nothing but its name at the routes that answer it.

Tests hold the routes of the application and every answer that they get to this document.
"""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from operator import attrgetter
from typing import Any

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields

from dreamlake_assets import errors
from dreamlake_assets.model.fields import JSON_VALUE_SCHEMA
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.model.names import IDEMPOTENCY_KEY_PATTERN
from dreamlake_assets.schemas import operations, requests, responses

_Object = dict[str, Any]

_DESCRIPTION = """\
The registry of DreamLake's recordings: clients upload the bytes to BSS, register each file here, \
and find it again by namespace, project, episode and path.

Every request but those for health and documentation needs `Authorization: Bearer <token>`. An \
unknown field of a body is refused, and an unknown parameter of a list or a download.

## Errors

Every error is an object with a sentence in `error`, a stable `code` and the `requestId`. Each \
operation lists the codes that it answers.

<details>
<summary>All codes</summary>

| status | code | when |
|---|---|---|
%s

</details>
"""

_HEADERS: dict[str, _Object] = {
    "X-Request-Id": {
        "description": "Names the request in the log of the service: as sent, or made.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
    },
    "Server-Timing": {
        "description": "Milliseconds in the database and in BSS until the answer began, and"
        " roundtrips to the database.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Link": {
        "description": "The next page, where there is one.",
        "schema": {"type": "string", "pattern": '^<.+>; rel="next"$'},
    },
    "X-Next-Cursor": {
        "description": "Where the next page starts, for the parameter `cursor`.",
        "schema": {"type": "string"},
    },
    "WWW-Authenticate": {
        "description": "What kind of token is wanted, and what is wrong with the one sent.",
        "required": True,
        "schema": {"type": "string", "pattern": "^Bearer "},
    },
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    },
    "Location": {
        "description": "The address of the asset.",
        "required": True,
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Idempotent-Replayed": {
        "description": "`true`: this is the answer to an earlier request with this key.",
        "schema": {"type": "string", "const": "true"},
    },
    "X-Content-Type-Options": {
        "description": "It is of the type that it says.",
        "required": True,
        "schema": {"type": "string", "const": "nosniff"},
    },
    "Content-Security-Policy": {
        "description": "What a browser may do with it, were it a page; the documentation is one.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Referrer-Policy": {
        "description": "Its address is told to nobody.",
        "required": True,
        "schema": {"type": "string", "const": "no-referrer"},
    },
    "Cache-Control": {
        "description": "`no-store`, or `no-cache` where there is an `ETag` to ask by.",
        "required": True,
        "schema": {"type": "string", "enum": ["no-store", "no-cache", "private, no-cache"]},
    },
    "ETag": {
        "description": "Names this version of the answer, for `If-None-Match`.",
        "required": True,
        "schema": {"type": "string"},
    },
}

_PARAMETERS: dict[str, _Object] = {
    "X-Request-Id": {
        "in": "header",
        "description": "To find the request in the log of the service: up to 128 letters, digits,"
        " dots, underscores, colons and hyphens. Anything else is replaced.",
        "schema": {"type": "string"},
    },
    "Idempotency-Key": {
        "in": "header",
        "description": "Of the client's own making, new for each asset: the same request sent again"
        " registers nothing and gets the first answer, for good. Any writer of the namespace.",
        "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$"},
    },
    "If-None-Match": {
        "in": "header",
        "description": "The ETag of an earlier answer; 304 where it is still the same.",
        "schema": {"type": "string"},
    },
}


class _Converter(OpenAPIConverter):
    """Knows our own fields, and what a request may leave out."""

    def init_attribute_functions(self) -> None:
        """Say what the classes of our fields say."""
        super().init_attribute_functions()
        self.attribute_functions += [_of_our_own, _null]

    def init_parameter_attribute_functions(self) -> None:
        """Give what is required an example, which the page of the document fills in."""
        super().init_parameter_attribute_functions()
        self.parameter_attribute_functions.append(_filled_in)


class _Plugin(MarshmallowPlugin):
    Converter = _Converter


def _of_our_own(field: fields.Field[Any], *, ret: _Object) -> _Object:
    """What the class of a field says of itself, where its schema says nothing else."""
    schema: _Object | None = getattr(field, "json_schema", None)
    if schema is None:
        return {}
    own = {"description": (type(field).__doc__ or "").splitlines()[0], **schema}
    if "enum" in ret:
        del own["pattern"]
    return {**own, **field.metadata}


def _null(field: fields.Field[Any], *, ret: _Object) -> _Object:
    """Whether null may stand: in a body for what is not given; a query string has no null."""
    match field.parent:
        case requests.RegisterSchema():
            allowed = not field.required
        case requests.RequestSchema():
            allowed = False
        case _:
            allowed = field.allow_none
    if not allowed and ret.get("default", ...) is None:
        del ret["default"]
    if "enum" in ret:
        ret["enum"] = [each for each in ret["enum"] if each is not None] + [None] * allowed
    if "type" in ret:
        kind = ret["type"] if isinstance(ret["type"], str) else ret["type"][0]
        ret["type"] = [kind, "null"] if allowed else kind
    return {}


def _filled_in(field: fields.Field[Any], **made: Any) -> _Object:
    return {"example": made["ret"]["schema"]["examples"][0]} if field.required else {}


@cache
def document() -> bytes:
    """The document as JSON; made at the first call."""
    spec = APISpec(
        title="DreamLake assets",
        version=version("dreamlake-assets"),
        openapi_version="3.1.0",
        plugins=[_Plugin()],
        info={"description": _DESCRIPTION % "\n".join(_error_rows())},
        # Relative to the document, wherever that is served.
        servers=[{"url": "."}],
        security=[{"token": []}],
        tags=[{"name": name} for name in (*KINDS, "identity", "health", "documentation")],
    )
    _add_components(spec)
    for kind in KINDS.values():
        _add(spec, operations.of_kind(kind, spec.components.schemas))
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
    spec.components.schema("Identity", schema=responses.IdentitySchema)
    spec.components.schema("Health", schema=responses.HealthSchema)
    for kind in KINDS.values():
        title = operations.title(kind)
        spec.components.schema(f"{title}Registration", schema=requests.REGISTER[kind.name])
        _allow_space(spec.components.schemas[f"{title}Registration"])
        spec.components.schema(f"Registered{title}", schema=responses.registered_schema(kind))
        spec.components.schema(title, schema=responses.item_schema(kind))
        spec.components.schema(f"Whole{title}", schema=responses.details_schema(kind))


def _allow_space(schema: _Object) -> None:
    """Let either name of the project stand in a body."""
    words = {"description": operations.SPACE["description"], "deprecated": True}
    schema["properties"]["space"] = {
        **operations.SPACE["schema"],
        "type": ["string", "null"],
        **words,
    }
    schema["required"].remove("project")
    schema["oneOf"] = [
        {"required": ["project"]},
        {"required": ["space"], "properties": {"space": {"type": "string", "minLength": 1}}},
    ]
