"""The schemas of requests that delete or restore many assets."""

from collections.abc import Mapping
from itertools import islice
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, post_load, validates_schema

from dreamlake_assets import limits
from dreamlake_assets.model.fields import REQUIRED, Id
from dreamlake_assets.schemas.requests import InProjectSchema

_ID = Id(required=True)


class Ids(fields.Field[list[Any]]):
    """The ids of assets. One that is given twice counts once."""

    json_schema: ClassVar[dict[str, Any]] = {
        "type": "array",
        "minItems": 1,
        "maxItems": limits.BATCH,
        "items": {"type": "string", "format": "uuid"},
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[Any]:
        if not isinstance(value, list) or not 1 <= len(value) <= limits.BATCH:
            raise ValidationError(f"Must be an array of 1 to {limits.BATCH:,} ids.")
        return value


class Flag(fields.Field[bool]):
    """Whether to do it; nothing but true and false are accepted."""

    json_schema: ClassVar[dict[str, Any]] = {"type": "boolean"}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("Must be true or false.")
        return value


class ManySchema(InProjectSchema):
    """The body of POST /assets/delete and of POST /assets/restore."""

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
        return {**data, "ids": [each.lower() for each in data["ids"]]}


MANY = ManySchema()
