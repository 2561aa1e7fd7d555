"""The OpenAPI document: made from the schemas that validate, from the kinds and from the errors.

Where to add what the document shall say:

- a field: ``json_schema`` of its class, whose docstring describes it; ``metadata`` where a schema
  uses the class for something of its own;
- a kind: nothing, it is an entry in ``kinds.py``;
- a route: an operation in ``_add_kind`` or ``_add_others``, with every error that it answers;
- a header: an entry in ``_HEADERS`` or ``_PARAMETERS``, and its name where it is sent;
- an error: nothing but its name at the routes that answer it.

Tests hold the routes of the application and every answer that they get to this document.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from http import HTTPStatus
from operator import attrgetter
from typing import Any

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import fields

import dreamlake_assets
from dreamlake_assets import answers, errors, schemas
from dreamlake_assets.browsers import PROTECTION
from dreamlake_assets.errors import AssetsError
from dreamlake_assets.fields import JSON_VALUE_SCHEMA, Limit
from dreamlake_assets.http import IDEMPOTENCY_KEY_PATTERN
from dreamlake_assets.kinds import KINDS, Kind
from dreamlake_assets.names import SLUG_PATTERN

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

_OF_EVERY_ANSWER = ("X-Request-Id", "Server-Timing", *(name for name, _ in PROTECTION))

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

_ASSET_ID: _Object = {
    "in": "path",
    "name": "asset_id",
    "description": "The id of the asset.",
    "required": True,
    "schema": {"type": "string", "format": "uuid"},
    "example": _EXAMPLE_ID,
}

_SPACE: _Object = {
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
        case schemas.RegisterSchema():
            allowed = not field.required
        case schemas.RequestSchema():
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
        version=dreamlake_assets.__version__,
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
        _add_kind(spec, kind)
    _add_others(spec)
    return orjson.dumps(spec.to_dict())


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
    spec.components.schema("Error", schema=answers.ErrorSchema)
    spec.components.schema("Download", schema=answers.DownloadSchema)
    spec.components.schema("Identity", schema=answers.IdentitySchema)
    spec.components.schema("Health", schema=answers.HealthSchema)
    for kind in KINDS.values():
        title = _title(kind)
        spec.components.schema(f"{title}Registration", schema=schemas.REGISTER[kind.name])
        _allow_space(spec.components.schemas[f"{title}Registration"])
        spec.components.schema(f"Registered{title}", schema=answers.registered_schema(kind))
        spec.components.schema(title, schema=answers.item_schema(kind))
        spec.components.schema(f"Whole{title}", schema=answers.details_schema(kind))


def _allow_space(schema: _Object) -> None:
    """Let either name of the project stand in a body."""
    words = {"description": _SPACE["description"], "deprecated": True}
    schema["properties"]["space"] = {**_SPACE["schema"], "type": ["string", "null"], **words}
    schema["required"].remove("project")
    schema["oneOf"] = [
        {"required": ["project"]},
        {"required": ["space"], "properties": {"space": {"type": "string", "minLength": 1}}},
    ]


def _add_kind(spec: APISpec, kind: Kind) -> None:
    schema = spec.components.schemas
    assets = {"post": _register(kind, schema), "get": _list(kind, schema)}
    spec.path(f"/assets/{kind.name}", operations=assets)
    spec.path(f"/assets/{kind.name}/download", operations={"get": _download(kind)})
    spec.path(f"/assets/{kind.name}/{{asset_id}}", operations={"get": _show(kind, schema)})


def _register(kind: Kind, schema: _Object) -> _Object:
    asked, answered = f"{_title(kind)}Registration", f"Registered{_title(kind)}"
    example = _example(schema[answered], kind.sample)
    operation = _operation(
        f"register{_title(kind)}",
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
    example = [_example(schema[_title(kind)], kind.sample)]
    return _operation(
        f"list{_title(kind)}s",
        kind.name,
        "List assets",
        "A page where `limit` is given, else all. By name, byte by byte, then by id; those without"
        " a name come last. Nothing is skipped or repeated while others register.",
        parameters=_query(schemas.LIST),
        answer=_json(200, _title(kind), example, headers=("Link", "X-Next-Cursor")),
        refusals=(*_TOKEN, *_DATABASE, errors.InvalidRequest, *_PATH),
    )


def _download(kind: Kind) -> _Object:
    return _operation(
        f"download{_title(kind)}",
        kind.name,
        "Find where to download an asset",
        "Of several assets that bear the name it is the newest.",
        parameters=_query(schemas.DOWNLOAD),
        answer=_json(200, "Download", _EXAMPLE_DOWNLOAD),
        refusals=(
            *(*_TOKEN, *_DATABASE, errors.InvalidRequest, *_PATH),
            *(errors.AssetNotFound, errors.BssRecordMissing, *_BSS),
        ),
    )


def _show(kind: Kind, schema: _Object) -> _Object:
    answered = f"Whole{_title(kind)}"
    example = _example(schema[answered], kind.sample)
    return _operation(
        f"get{_title(kind)}",
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


def _add_others(spec: APISpec) -> None:
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
    for path, operation in get.items():
        spec.path(path, operations={"get": operation})


def _title(kind: Kind) -> str:
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


def _query(schema: schemas.RequestSchema) -> list[_Object]:
    return [{"in": "query", "schema": schema}, _SPACE]


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
    return {name: name for name in (*_OF_EVERY_ANSWER, *names)}


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
