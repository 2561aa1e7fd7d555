"""The marshmallow schemas of patches, made of the fields that register an asset."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from marshmallow import (
    Schema,
    ValidationError,
    fields,
    missing,
    post_load,
    pre_load,
    validates_schema,
)

from dreamlake_assets.model.fields import Tags
from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.model.merge_patch import MetadataPatch
from dreamlake_assets.schemas import requests

#: An asset stays in its project.
_FIXED = {"namespace", "project"}

#: Members of an asset that no patch changes: those that the service sets, and the project.
_READ_ONLY = {"id", "kind", *_FIXED, "projectId", "episodeId", "nodeId", "folder"}
_READ_ONLY |= {"createdAt", "updatedAt", "deletedAt"}

#: An empty name is none, as null.
_MAY_BE_EMPTY = {"name", "episodeName"}


class PatchSchema(requests.ObjectSchema):
    """The body of PATCH /assets/<kind>/<id>, without the fields of registering.

    It loads the columns to set. Null sets the default of registering.
    """

    add_tags = Tags(
        data_key="addTags",
        metadata={
            "description": "Tags to add behind the present ones. Those that the asset has already"
            " are skipped."
        },
    )
    remove_tags = Tags(data_key="removeTags", metadata={"description": "Tags to remove."})

    @pre_load
    def _drop_removed(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if not self._removes(name, value)}

    @post_load(pass_original=True)
    def _set_defaults(
        self, patch: dict[str, Any], original: Mapping[str, Any], **_: Any
    ) -> dict[str, Any]:
        for name, value in original.items():
            if self._removes(name, value):
                column, field = self._fields[name]
                patch[column] = _default(field)
        if "add_tags" in patch:
            # A tag that is given twice is there the second time.
            patch["add_tags"] = list(dict.fromkeys(patch["add_tags"]))
        return patch

    @validates_schema(pass_original=True)
    def _tags_agree(self, patch: Mapping[str, Any], original: Mapping[str, Any], **_: Any) -> None:
        added, removed = patch.get("add_tags", ()), patch.get("remove_tags", ())
        if "tags" in original and (added or removed):
            name = "addTags" if added else "removeTags"
            raise ValidationError("Cannot be combined with tags.", name)
        if not set(added).isdisjoint(removed):
            raise ValidationError("Has a tag that addTags has, too.", "removeTags")

    def _removes(self, name: str, value: Any) -> bool:
        """Return whether a member removes a value. An unknown one is rejected by its name."""
        return name in self._fields and (value is None or (value == "" and name in _MAY_BE_EMPTY))

    def _message_of_unknown(self, name: str) -> str:
        if name in _READ_ONLY:
            return "Cannot be changed."
        return super()._message_of_unknown(name)

    @cached_property
    def _fields(self) -> dict[str, tuple[str, fields.Field[Any]]]:
        """The column and the field of each member."""
        return {each.data_key or name: (name, each) for name, each in self.load_fields.items()}


def _default(field: fields.Field[Any]) -> Any:
    if field.load_default is missing:
        return [] if isinstance(field, Tags) else None
    return field.load_default() if callable(field.load_default) else field.load_default


def _patch_schema(kind: Kind) -> Schema:
    registered = requests.REGISTER[kind.name].fields
    own = {name: field for name, field in registered.items() if name not in _FIXED}
    own["metadata"] = MetadataPatch(
        load_default=None,
        metadata={
            "description": "Members to merge into the metadata, at every depth. Null removes a"
            " member, or all metadata."
        },
    )
    return type(f"Patch{kind.bss_field}Schema", (PatchSchema,), own)(partial=True)


PATCH = {name: _patch_schema(kind) for name, kind in KINDS.items()}
