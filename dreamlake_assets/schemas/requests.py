"""What requests may hold: the bodies and the query strings, validated with marshmallow."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, cast

from marshmallow import RAISE, Schema, ValidationError, pre_load, validates_schema

from dreamlake_assets import limits
from dreamlake_assets.errors import InvalidRequest
from dreamlake_assets.model import globs
from dreamlake_assets.model.fields import (
    REQUIRED,
    AssetName,
    BssId,
    EpisodeName,
    Id,
    Limit,
    Metadata,
    Prefix,
    Slug,
    Tags,
    Text,
    Timestamp,
)
from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.model.names import InvalidName, check_text


class RequestSchema(Schema):
    """A field that is not known is an error: a typo must not lose data silently."""

    class Meta:
        """How marshmallow is told."""

        unknown = RAISE

    #: Fields that are not given when they are empty.
    may_be_empty: frozenset[str] = frozenset()

    namespace = Slug(
        required=True,
        metadata={"description": "A user or an organisation, by slug.", "examples": ["testuser"]},
    )
    project = Slug(required=True, metadata={"description": "By slug.", "examples": ["robotics"]})

    @pre_load
    def _drop_what_is_not_given(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        given = {name: value for name, value in data.items() if self._is_given(name, value)}
        if "space" in given:
            # The name of a project in older clients.
            space = given.pop("space")
            if given.setdefault("project", space) != space:
                raise ValidationError("Another name for project, which is different.", "space")
        return given

    def _is_given(self, name: str, value: Any) -> bool:
        if value is None:
            # What is not known is refused by its name, null or not.
            return name not in self._known
        return value != "" or name not in self.may_be_empty

    @cached_property
    def _known(self) -> set[str]:
        return {"space", *(each.data_key or name for name, each in self.load_fields.items())}


class RegisterSchema(RequestSchema):
    """The body of POST /assets/<kind>; the fields of single kinds are added to it."""

    may_be_empty = frozenset({"namespace", "project", "space", "episodeName"})

    episode = EpisodeName(
        data_key="episodeName",
        load_default=None,
        metadata={"description": "The name of the episode; null or empty: none."},
    )
    name = AssetName(load_default=None)
    tags = Tags(load_default=list)
    metadata = Metadata(load_default=None)


class EpisodeFilterSchema(RequestSchema):
    """The query of anything that can be narrowed to one episode."""

    may_be_empty = frozenset(
        {"namespace", "project", "space", "episode", "episodeId", "prefix", "glob", "cursor"}
    )

    episode = EpisodeName(
        load_default=None, metadata={"description": "Only this episode, by name."}
    )
    episode_id = Id(
        data_key="episodeId",
        load_default=None,
        metadata={"description": "Only this episode, by id. Not both."},
    )

    @validates_schema
    def _one_episode(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("episode") is not None and data.get("episode_id") is not None:
            raise ValidationError("Give episodeId or episode, not both.", "episodeId")


class GlobPattern(Text):
    """A pattern of whole names; wins over prefix."""

    json_schema: ClassVar[dict[str, Any]] = {
        **Text.json_schema,
        "maxLength": limits.GLOB_BYTES,
        "format": "glob",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        try:
            return globs.parse(check_text(value))
        except InvalidName as error:
            raise ValidationError(str(error)) from None
        except globs.GlobError as error:
            reason = str(error).removesuffix(".")
            raise ValidationError(f"{reason} (at position {error.position}).") from None


class ListSchema(EpisodeFilterSchema):
    """The query of GET /assets/<kind>."""

    prefix = Prefix(load_default=None)
    glob = GlobPattern(load_default=None)
    tags = Tags(
        maximum=limits.TAGS_TO_LIST_BY,
        data_key="tag",
        load_default=list,
        metadata={"description": "Only with this tag; given up to 10 times: with all of them."},
    )
    created_after = Timestamp(
        data_key="createdAfter",
        load_default=None,
        metadata={"description": "Only what was registered at this time or later."},
    )
    created_before = Timestamp(
        data_key="createdBefore",
        load_default=None,
        metadata={"description": "Only what was registered before this time."},
    )
    limit = Limit(load_default=None)
    cursor = Text(
        load_default=None,
        metadata={"description": "What `X-Next-Cursor` said, with all else as it was."},
    )


class DownloadSchema(EpisodeFilterSchema):
    """The query of GET /assets/<kind>/download."""

    path = AssetName(
        required=True, metadata={"description": "The name of the asset, which is its full path."}
    )


def _register_schema(kind: Kind) -> Schema:
    own = {"bss_id": BssId(data_key=kind.bss_field, load_default=None), **kind.own_fields}
    return type(f"Register{kind.bss_field}Schema", (RegisterSchema,), own)()


REGISTER = {name: _register_schema(kind) for name, kind in KINDS.items()}
LIST = ListSchema()
DOWNLOAD = DownloadSchema()

#: The parameters of a query string that may be given more than once.
REPEATABLE = frozenset({"tag"})


def load(schema: Schema, data: Any) -> dict[str, Any]:
    """The validated values, by column.

    :raises InvalidRequest: names every field that is wrong.
    """
    if not isinstance(data, Mapping):
        raise InvalidRequest("The body must be a JSON object.")
    try:
        return cast("dict[str, Any]", schema.load(data))
    except ValidationError as error:
        messages = {
            _printable(name): _flat(value) for name, value in error.normalized_messages().items()
        }
        raise InvalidRequest(_sentence(messages), fields=messages) from None


def _sentence(messages: dict[str, list[str]]) -> str:
    if any(REQUIRED in messages.get(name, ()) for name in ("namespace", "project")):
        return "namespace or project missing"
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in messages.items())


def _flat(messages: Any) -> list[str]:
    """The messages of a field; of an item of a list, with its index."""
    if isinstance(messages, dict):
        return [f"[{index}] {text}" for index, texts in messages.items() for text in _flat(texts)]
    return list(messages)


def _printable(name: Any) -> str:
    """The name of a field as JSON can hold it: the client may have made it of anything."""
    return str(name).encode("utf-8", "backslashreplace").decode()
