"""The schemas of requests that delete or restore many assets."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, post_load, validates_schema

from dreamlake_assets import limits
from dreamlake_assets.model.fields import (
    REQUIRED,
    AssetName,
    EpisodeName,
    Id,
    Prefix,
    Tags,
    Text,
    Timestamp,
)
from dreamlake_assets.schemas.requests import (
    ArrayOfBatch,
    GlobPattern,
    InProjectSchema,
    kind_filter,
)

#: The members of a selection that narrow it, besides the kind.
_NARROWING = ("episode", "episodeId", "prefix", "glob", "name", "tag")
_NARROWING += ("createdAfter", "createdBefore")
_ID = Id(required=True)
_TAGS = Tags(maximum=limits.TAGS_TO_LIST_BY)
_TAG = {**Text.json_schema, "minLength": 1, "maxLength": limits.TAG_CHARACTERS}


class Ids(ArrayOfBatch):
    """The ids of assets. One that is given twice counts once."""

    noun = "ids"
    json_schema: ClassVar[dict[str, Any]] = {
        **ArrayOfBatch.json_schema,
        "items": {"type": "string", "format": "uuid"},
    }


class TagOrTags(fields.Field[list[Any]]):
    """A tag, or several that an asset must all have."""

    json_schema: ClassVar[dict[str, Any]] = {
        "anyOf": [
            {"type": "string", **_TAG},
            {
                "type": "array",
                "maxItems": limits.TAGS_TO_LIST_BY,
                "items": {"type": "string", **_TAG},
            },
            {"type": "null"},
        ],
        "examples": ["night"],
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[Any]:
        return _TAGS.deserialize([value] if isinstance(value, str) else value)


class Flag(fields.Field[bool]):
    """Whether to do it; nothing but true and false are accepted."""

    json_schema: ClassVar[dict[str, Any]] = {"type": "boolean"}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value


class RestoreSchema(InProjectSchema):
    """The body of POST /assets/restore."""

    ids = Ids(required=True, error_messages={"required": REQUIRED})
    dry_run = Flag(
        data_key="dryRun",
        load_default=False,
        metadata={"description": "Whether only to tell what would be changed."},
    )

    @validates_schema
    def _each_is_an_id(self, data: Mapping[str, Any], **_: Any) -> None:
        """Name invalid ids by their positions: the first ``limits.BATCH_ERRORS``."""
        invalid: dict[str, Any] = {}
        for position, value in enumerate(data.get("ids") or ()):
            try:
                _ID.deserialize(value)
            except ValidationError as error:
                invalid[f"ids.{position}"] = error.messages
        if invalid:
            raise ValidationError(dict(islice(invalid.items(), limits.BATCH_ERRORS)))

    @post_load
    def _in_lower_case(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Write ids as responses do."""
        return {**data, "ids": data["ids"] and [each.lower() for each in data["ids"]]}


class DeleteSchema(RestoreSchema):
    """The body of POST /assets/delete: ids, or a selection.

    An empty value of a selection is refused: a client that lacks a value must not delete more.
    """

    ids = Ids(load_default=None)
    kind = kind_filter("Selects assets of this kind only.")
    episode = EpisodeName(
        load_default=None, metadata={"description": "Selects by the name of an episode."}
    )
    episode_id = Id(
        data_key="episodeId",
        load_default=None,
        metadata={
            "description": "Selects by the id of an episode. Cannot be combined with `episode`."
        },
    )
    prefix = Prefix(
        load_default=None,
        metadata={
            "description": "Selects by the literal beginning of names. At most one of `prefix`,"
            " `glob` and `name` may be given."
        },
    )
    glob = GlobPattern(
        load_default=None,
        metadata={"description": "Selects by a pattern of whole names, as in lists."},
    )
    name = AssetName(load_default=None, metadata={"description": "Selects by the whole name."})
    tags = TagOrTags(
        data_key="tag",
        load_default=list,
        metadata={"description": "Selects by a tag, or by several that an asset must all have."},
    )
    created_after = Timestamp(
        data_key="createdAfter",
        load_default=None,
        metadata={"description": "Selects by registration at this time or later."},
    )
    created_before = Timestamp(
        data_key="createdBefore",
        load_default=None,
        metadata={"description": "Selects by registration before this time."},
    )

    @validates_schema(pass_original=True, skip_on_field_errors=True)
    def _ids_or_selection(
        self, data: Mapping[str, Any], original: Mapping[str, Any], **_: Any
    ) -> None:
        empty = [name for name in _NARROWING if original.get(name) in ("", [])]
        if empty:
            raise ValidationError({name: ["Must not be empty."] for name in empty})
        given = [name for name in (*_NARROWING, "kind") if original.get(name) is not None]
        if data["ids"] is not None:
            if given:
                message = "Cannot be combined with ids."
                raise ValidationError({name: [message] for name in given})
            return
        if not {*given} - {"kind"}:
            raise ValidationError(f"Give ids, or at least one of: {', '.join(_NARROWING)}.", "ids")
        for names, message in (
            (("episode", "episodeId"), "Give episodeId or episode, not both."),
            (("prefix", "glob", "name"), "Give at most one of prefix, glob and name."),
        ):
            both = [name for name in names if name in given]
            if len(both) > 1:
                raise ValidationError({both[-1]: [message]})


DELETE = DeleteSchema()
RESTORE = RestoreSchema()
