"""The schemas of a download of many assets."""

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema
from marshmallow.exceptions import SCHEMA

from dreamlake_assets import limits
from dreamlake_assets.model.fields import REQUIRED, AssetName, Id, Prefix, Text, Urls
from dreamlake_assets.schemas.requests import (
    EpisodeFilterSchema,
    GlobPattern,
    StrictSchema,
    kind_filter,
)

#: The members of a selection; an episode may narrow items, too.
_SELECTION = ("prefix", "glob", "kind", "limit", "cursor")
_ITEMS = f"Must be an array of 1 to {limits.URLS} assets."


class ItemSchema(StrictSchema):
    """An asset of a download of many: its id, or its path and perhaps its kind."""

    may_be_empty = frozenset({"id"})

    asset_id = Id(
        data_key="id", load_default=None, metadata={"description": "The id of the asset."}
    )
    name = AssetName(
        data_key="path",
        load_default=None,
        metadata={"description": "The name of the asset: its full path."},
    )
    kind = kind_filter("The kind of the asset. Without it, the newest asset of any kind is found.")

    @validates_schema
    def _one_name(self, data: Mapping[str, Any], **_: Any) -> None:
        if (data["asset_id"] is None) == (data["name"] is None):
            raise ValidationError("Give either id or path.")
        if data["asset_id"] is not None and data["kind"] is not None:
            raise ValidationError("Only a path may have a kind.", "kind")


class _Item(fields.Nested):
    """An object of a list, which names it in every error."""

    def deserialize(self, value: Any, *arguments: Any, **options: Any) -> Any:
        if not isinstance(value, Mapping):
            raise ValidationError({SCHEMA: ["Must be an object."]})
        return super().deserialize(value, *arguments, **options)


class ManySchema(EpisodeFilterSchema):
    """The body of POST /assets/download."""

    items = fields.List(
        _Item(ItemSchema),
        load_default=None,
        validate=validate.Length(1, limits.URLS, error=_ITEMS),
        error_messages={"invalid": _ITEMS},
        metadata={
            "description": "The assets. Without it, the body has the members of a selection."
        },
    )
    prefix = Prefix(
        load_default=None,
        metadata={"description": "Selects by the literal, case-sensitive beginning of names."},
    )
    glob = GlobPattern(
        load_default=None,
        metadata={
            "description": "Selects by a pattern, as in a list. It takes precedence over `prefix`."
        },
    )
    kind = kind_filter("Selects assets of this kind.")
    limit = Urls(
        load_default=None,
        metadata={"description": f"The number of assets in a page. Default: {limits.URLS}."},
    )
    cursor = Text(
        load_default=None,
        metadata={
            "description": "The `nextCursor` of the previous page. All other members except `limit`"
            " must be the same."
        },
    )

    @validates_schema
    def _items_or_selection(self, data: Mapping[str, Any], **_: Any) -> None:
        selects = [name for name in _SELECTION if data.get(name) is not None]
        if data.get("items") is not None:
            if selects:
                raise ValidationError("Cannot be combined with items.", selects[0])
        elif all(data.get(name) is None for name in ("prefix", "glob", "episode", "episode_id")):
            raise ValidationError(
                f"{REQUIRED[:-1]}, or a selection by prefix, glob or episode.", "items"
            )


MANY = ManySchema()
