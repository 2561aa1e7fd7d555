"""The marshmallow schemas of responses, for the OpenAPI document.

Responses are built from rows without a schema: dumping through one costs more than everything else
that the service does for a request. The tests validate every response against these schemas.
"""

from collections.abc import Mapping
from copy import copy
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, missing, validate

from dreamlake_assets import errors, limits
from dreamlake_assets.model.fields import AssetName, BssId, EpisodeName, Metadata, Slug, Tags, Text
from dreamlake_assets.model.kinds import COMMON_FIELDS, KINDS, Kind, published

_CREATED = "The time of registration, in UTC with milliseconds."

#: The errors of one of many downloads.
OF_A_DOWNLOAD = (
    errors.AssetNotFound,
    errors.AssetDeleted,
    errors.BssRecordMissing,
    errors.BssUnreachable,
    errors.BssTimeout,
    errors.BssNoRedirect,
    errors.BssNoLocation,
    errors.BssBadLocation,
    errors.Overloaded,
)


class ResponseSchema(Schema):
    """The body of a response, or a part of it. Later versions may add members."""

    class Meta:
        """Marshmallow's options."""

        unknown = EXCLUDE


class ErrorSchema(ResponseSchema):
    """The body of every error."""

    error = fields.String(
        required=True,
        metadata={"description": "A sentence for people, which may change."},
    )
    code = fields.String(required=True, metadata={"description": "A stable code for programs."})
    request_id = fields.String(
        data_key="requestId",
        required=True,
        metadata={"description": "The id of the request in the log of the service."},
    )
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        data_key="fields",
        metadata={"description": "After a failed validation: the messages for each invalid field."},
    )
    invalid = fields.Integer(
        validate=validate.Range(min=1),
        metadata={
            "description": "For a batch: the number of invalid assets, of which `fields` names the"
            " first 100."
        },
    )
    next_cursor = fields.String(
        data_key="nextCursor",
        metadata={
            "description": "For a page of downloads without a single URL: the `cursor` of the next"
            " page. Absent on the last page."
        },
    )


class DownloadSchema(ResponseSchema):
    """The download URL of an asset."""

    url = fields.URL(
        required=True,
        metadata={
            "description": "A presigned URL. It needs no token, and expires after a while.",
            "format": "uri",
        },
    )
    filename = fields.String(
        required=True,
        metadata={
            "description": "The last segment of the name of the asset; its id if it has no name."
        },
    )
    expires_at = fields.DateTime(
        data_key="expiresAt",
        required=True,
        allow_none=True,
        metadata={
            "description": "The time at which the URL expires, in UTC; null if it does not say.",
            "examples": ["2026-04-14T09:45:00.000Z"],
        },
    )


class FoundDownloadSchema(DownloadSchema):
    """The download URL of one of many assets."""

    id = fields.UUID(required=True, metadata={"description": "The id of the asset."})
    kind = fields.String(
        required=True,
        validate=validate.OneOf(list(KINDS)),
        metadata={"description": "The kind of the asset."},
    )
    name = AssetName(
        required=True,
        allow_none=True,
        metadata={"description": "The full path, normalised; null if the asset has no name."},
    )


class FailedDownloadSchema(ResponseSchema):
    """One of many assets that has no download URL, with `id` or `path` as in the request."""

    id = fields.UUID(metadata={"description": "The id of the asset."})
    path = AssetName(metadata={"description": "The name of the asset."})
    error = fields.String(
        required=True,
        metadata={"description": "A sentence for people, which may change."},
    )
    code = fields.String(
        required=True,
        validate=validate.OneOf([each.code for each in OF_A_DOWNLOAD]),
        metadata={"description": "A stable code for programs."},
    )


class DownloadsSchema(ResponseSchema):
    """The download URLs of many assets."""

    assets = fields.Raw(
        required=True,
        metadata={
            "description": "A URL or an error for each asset, in the order of the request.",
            "type": "array",
            "items": {
                "anyOf": [
                    {"$ref": "#/components/schemas/FoundDownload"},
                    {"$ref": "#/components/schemas/FailedDownload"},
                ]
            },
        },
    )
    failed = fields.Integer(
        required=True,
        validate=validate.Range(min=0, max=limits.URLS),
        metadata={"description": "The number of assets without a URL."},
    )
    next_cursor = fields.String(
        data_key="nextCursor",
        metadata={"description": "The `cursor` of the next page. Absent on the last page."},
    )


class OwnNamespaceSchema(ResponseSchema):
    """A namespace, identified by its slug."""

    slug = Slug(required=True, metadata={"description": "The slug of the namespace."})


class MembershipSchema(OwnNamespaceSchema):
    """A namespace, and the role of the subject in it."""

    role = fields.String(
        required=True,
        validate=validate.OneOf(["reader", "writer"]),
        metadata={"description": "A reader may list and download; a writer may also register."},
    )


class IdentitySchema(ResponseSchema):
    """The subject of a token."""

    subject = Text(required=True, metadata={"description": "The `sub` claim of the token."})
    namespace = fields.Nested(
        OwnNamespaceSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The first namespace that the subject may write to, or null."},
    )
    namespaces = fields.List(
        fields.Nested(MembershipSchema),
        required=True,
        metadata={"description": "The namespaces that the subject is a member of."},
    )


class HealthSchema(ResponseSchema):
    """The body of a health check that succeeds."""

    status = fields.String(
        required=True, validate=validate.Equal("ok"), metadata={"description": "Always `ok`."}
    )


class ReadinessSchema(HealthSchema):
    """All is well, or all but writing."""

    writes = fields.String(
        validate=validate.Equal("read_only"),
        metadata={"description": "Present while the database takes no writes; reads go on."},
    )


def registered_schema(kind: Kind, *, in_batch: bool = False) -> Schema:
    """Return the schema of a registered asset, which has the ids of its path.

    :param in_batch: whether it is one of a batch, where its kind tells it from the others.
    """
    name = fields.String(
        required=True,
        validate=validate.Equal(kind.name),
        metadata={"description": "The kind of the asset."},
    )
    return ResponseSchema.from_dict(
        {
            **({"kind": name} if in_batch else {}),
            "id": _id("The id of the asset."),
            "projectId": _id("The id of the project, which is created if it does not exist."),
            "episodeId": _id("The id of the episode; null if none was given.", allow_none=True),
            "nodeId": _id("The id of the innermost folder; null at the root.", allow_none=True),
            "name": _name(),
            kind.bss_field: _bss_id(),
        },
        name=f"{'Batched' if in_batch else 'Registered'}{kind.bss_field}",
    )()


def item_schema(kind: Kind, *, mixed: bool = False) -> Schema:
    """Return the schema of an asset in a list. The full view has the other fields, too.

    :param mixed: whether the list has assets of all kinds.
    """
    details = _details(kind)
    own = published(kind.own_fields).values()
    required = {"id", "name", kind.bss_field, *own, "createdAt"}
    if mixed:
        required |= {"kind", "episodeId"}
    return ResponseSchema.from_dict(
        {
            name: each if name in required else _optional(each)
            for name, each in sorted(details.items(), key=lambda item: item[0] not in required)
        },
        name=f"{'Listed' if mixed else 'Item'}{kind.bss_field}",
    )()


def details_schema(kind: Kind) -> Schema:
    """Return the schema of a whole asset."""
    return ResponseSchema.from_dict(_details(kind), name=f"Details{kind.bss_field}")()


def _details(kind: Kind) -> dict[str, fields.Field[Any]]:
    return {
        "id": _id("The id of the asset."),
        "kind": fields.String(
            required=True,
            validate=validate.Equal(kind.name),
            metadata={"description": "The kind of the asset.", "examples": [kind.name]},
        ),
        "namespace": _slug("The slug of the namespace.", "testuser"),
        "project": _slug("The slug of the project.", "robotics"),
        "projectId": _id("The id of the project."),
        "episodeId": _id("The id of the episode; null if the asset has none.", allow_none=True),
        "episodeName": EpisodeName(
            required=True,
            allow_none=True,
            metadata={"description": "The name of the episode; null if the asset has none."},
        ),
        "nodeId": _id("The id of the innermost folder; null at the root.", allow_none=True),
        "folder": AssetName(
            required=True,
            allow_none=True,
            metadata={
                "description": "The path of the innermost folder; null at the root.",
                "examples": ["/camera/front"],
            },
        ),
        "name": _name(),
        kind.bss_field: _bss_id(),
        **_in_responses(kind.own_fields),
        **_in_responses(COMMON_FIELDS),
        "tags": Tags(required=True),
        "metadata": Metadata(required=True, allow_none=True),
        "createdAt": _time(_CREATED),
        "updatedAt": _time("The time of the last change; until then, that of registration."),
        "deletedAt": _time("The time of the deletion; null while live.", allow_none=True),
    }


def project_schema() -> Schema:
    """Return the schema of a project in a list."""
    return ResponseSchema.from_dict(
        {
            "id": _id("The id of the project."),
            "name": _slug("The slug of the project.", "robotics"),
            "createdAt": _time("The time of the first registration into it."),
        },
        name="ListedProject",
    )()


def episode_schema() -> Schema:
    """Return the schema of an episode in a list."""
    return ResponseSchema.from_dict(
        {
            "id": _id("The id of the episode."),
            "projectId": _id("The id of its project."),
            "name": EpisodeName(
                required=True, metadata={"description": "The name of the episode."}
            ),
            "createdAt": _time("The time of the first registration into it."),
        },
        name="ListedEpisode",
    )()


def folder_schema() -> Schema:
    """Return the schema of a folder in a list."""
    return ResponseSchema.from_dict(
        {
            "name": AssetName(
                required=True,
                metadata={
                    "description": "The full path of the folder.",
                    "examples": ["/camera/front"],
                },
            ),
            "nodeId": _id(
                "The id of the folder in the episode asked for, or in the only episode that has"
                " it; null if it is in several.",
                allow_none=True,
            ),
        },
        name="ListedFolder",
    )()


def _slug(description: str, example: str) -> Slug:
    return Slug(required=True, metadata={"description": description, "examples": [example]})


def _id(description: str, **options: Any) -> fields.UUID:
    return fields.UUID(required=True, metadata={"description": description}, **options)


def _name() -> AssetName:
    description = "The full path, normalised; null if the asset has no name."
    return AssetName(required=True, allow_none=True, metadata={"description": description})


def _bss_id() -> BssId:
    description = "The id of the file in BSS; null if none was given."
    return BssId(required=True, allow_none=True, metadata={"description": description})


def _in_responses(columns: Mapping[str, fields.Field[Any]]) -> dict[str, fields.Field[Any]]:
    return {name: _in_response(columns[column]) for column, name in published(columns).items()}


def _time(description: str, **options: Any) -> fields.DateTime:
    metadata = {"description": description, "examples": ["2026-04-14T09:30:00.123Z"]}
    return fields.DateTime(required=True, metadata=metadata, **options)


def _in_response(field: fields.Field[Any]) -> fields.Field[Any]:
    """Return a field of requests as it is in responses: always present, null if not given."""
    result = copy(field)
    result.allow_none = field.load_default in (missing, None)
    result.required = True
    result.load_default = missing
    return result


def _optional(field: fields.Field[Any]) -> fields.Field[Any]:
    result = copy(field)
    result.required = False
    return result
