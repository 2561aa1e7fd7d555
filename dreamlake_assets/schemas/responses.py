"""What answers hold, as marshmallow schemas: for the OpenAPI document.

Answers are written from rows as they come, since dumping through a schema costs more than all else
that the service does for a request; the tests hold every answer to these schemas instead.
"""

from copy import copy
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, missing, validate

from dreamlake_assets.model.fields import AssetName, BssId, EpisodeName, Metadata, Slug, Tags, Text
from dreamlake_assets.model.kinds import Kind


class AnswerSchema(Schema):
    """The body of an answer, or a part of it; a later version may say more."""

    class Meta:
        """How marshmallow is told."""

        unknown = EXCLUDE


class ErrorSchema(AnswerSchema):
    """Every answer that is not a success."""

    error = fields.String(required=True, metadata={"description": "A sentence for people."})
    code = fields.String(required=True, metadata={"description": "Stable; for programs."})
    request_id = fields.String(
        data_key="requestId",
        required=True,
        metadata={"description": "Names the request in the log of the service."},
    )
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        data_key="fields",
        metadata={"description": "What is wrong with which field, where validation failed."},
    )


class DownloadSchema(AnswerSchema):
    """Where to download an asset."""

    url = fields.URL(
        required=True,
        metadata={"description": "A presigned URL, good for a while, no token asked."},
    )
    filename = fields.String(
        required=True, metadata={"description": "The last segment of the asset's name."}
    )


class OwnNamespaceSchema(AnswerSchema):
    """A namespace by its slug."""

    slug = Slug(required=True)


class MembershipSchema(OwnNamespaceSchema):
    """A namespace and what the subject may do in it."""

    role = fields.String(required=True, validate=validate.OneOf(["reader", "writer"]))


class IdentitySchema(AnswerSchema):
    """Who the token belongs to."""

    subject = Text(required=True, metadata={"description": "The claim sub of the token."})
    namespace = fields.Nested(
        OwnNamespaceSchema,
        required=True,
        allow_none=True,
        metadata={"description": "The first namespace that the subject may write to."},
    )
    namespaces = fields.List(fields.Nested(MembershipSchema), required=True)


class HealthSchema(AnswerSchema):
    """All is well."""

    status = fields.String(required=True, validate=validate.Equal("ok"))


def registered_schema(kind: Kind) -> Schema:
    """What POST answers: the ids of the asset and of what it is filed under."""
    return AnswerSchema.from_dict(
        {
            "id": _id("Of the asset."),
            "projectId": _id("Of the project, made when it was missing."),
            "episodeId": _id("Of the episode; null where none was named.", allow_none=True),
            "nodeId": _id("Of the innermost folder; null at the root.", allow_none=True),
            "name": _name(),
            kind.bss_field: _bss_id(),
        },
        name=f"Registered{kind.bss_field}",
    )()


def item_schema(kind: Kind) -> Schema:
    """An asset in a list."""
    return AnswerSchema.from_dict(
        {
            "id": _id("Of the asset."),
            "name": _name(),
            kind.bss_field: _bss_id(),
            **_own(kind),
            "createdAt": _created_at(),
        },
        name=f"Item{kind.bss_field}",
    )()


def details_schema(kind: Kind) -> Schema:
    """All of an asset."""
    return AnswerSchema.from_dict(
        {
            "id": _id("Of the asset."),
            "namespace": Slug(required=True, metadata={"examples": ["testuser"]}),
            "project": Slug(required=True, metadata={"examples": ["robotics"]}),
            "projectId": _id("Of the project."),
            "episodeId": _id("Of the episode; null where it is in none.", allow_none=True),
            "episodeName": EpisodeName(required=True, allow_none=True),
            "nodeId": _id("Of the innermost folder; null at the root.", allow_none=True),
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
            **_own(kind),
            "tags": Tags(required=True),
            "metadata": Metadata(required=True, allow_none=True),
            "createdAt": _created_at(),
        },
        name=f"Details{kind.bss_field}",
    )()


def _id(description: str, **options: Any) -> fields.UUID:
    return fields.UUID(required=True, metadata={"description": description}, **options)


def _name() -> AssetName:
    description = "The full path, normalised; null where the asset has none."
    return AssetName(required=True, allow_none=True, metadata={"description": description})


def _bss_id() -> BssId:
    description = "The id of the bytes in BSS; null where none was given."
    return BssId(required=True, allow_none=True, metadata={"description": description})


def _own(kind: Kind) -> dict[str, fields.Field[Any]]:
    return {each.data_key or name: _always_there(each) for name, each in kind.own_fields.items()}


def _created_at() -> fields.DateTime:
    return fields.DateTime(
        required=True,
        metadata={
            "description": "When it was registered, in UTC, with milliseconds.",
            "examples": ["2026-04-14T09:30:00.123Z"],
        },
    )


def _always_there(field: fields.Field[Any]) -> fields.Field[Any]:
    """A field of requests as it stands in answers: null where it was not given."""
    answered = copy(field)
    answered.allow_none = field.load_default in (missing, None)
    answered.required = True
    answered.load_default = missing
    return answered
