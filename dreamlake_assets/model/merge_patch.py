"""JSON Merge Patch (RFC 7396)."""

from typing import Any, ClassVar, cast

from marshmallow import ValidationError

from dreamlake_assets.errors import InvalidRequest
from dreamlake_assets.model import exact_json
from dreamlake_assets.model.fields import Metadata

_METADATA = Metadata()


class MetadataPatch(Metadata):
    """Members to merge into the metadata, at every depth; null removes a member.

    It is deserialised to the object, which may be larger than the result.
    """

    json_schema: ClassVar[dict[str, Any]] = {**Metadata.json_schema, "title": "MetadataPatch"}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        self._text(value)
        return value


def merged(target: Any, patch: Any) -> Any:
    """Return the target with a patch merged into it. Neither is changed.

    Members of an object are merged at every depth, and null removes a member. Any other value of
    the patch replaces that of the target.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def merged_metadata(current: bytes, patch: dict[str, Any]) -> str:
    """Return the metadata of an asset with a patch merged into it, as JSON. Numbers stay exact.

    :param current: the metadata as JSON; ``null`` if there is none.
    :raises InvalidRequest: the result is no metadata that an asset may have.
    """
    try:
        return cast("str", _METADATA.deserialize(merged(exact_json.loads(current.decode()), patch)))
    except ValidationError as error:
        messages = [str(each) for each in error.messages]
        raise InvalidRequest(
            f"metadata: {' '.join(messages)}", fields={"metadata": messages}
        ) from None
