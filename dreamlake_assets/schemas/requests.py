"""The marshmallow schemas of requests; those of lists are in :mod:`.queries`."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar, cast

from marshmallow import (
    EXCLUDE,
    RAISE,
    Schema,
    ValidationError,
    fields,
    missing,
    pre_load,
    validate,
    validates_schema,
)

from dreamlake_assets import limits
from dreamlake_assets.errors import InvalidRequest
from dreamlake_assets.model import globs
from dreamlake_assets.model.fields import (
    REQUIRED,
    AssetName,
    BssId,
    EpisodeName,
    Id,
    Metadata,
    Slug,
    Tags,
    Text,
)
from dreamlake_assets.model.kinds import COMMON_FIELDS, KINDS, Kind
from dreamlake_assets.model.names import InvalidName, check_text

GLOB_DESCRIPTION = f"""\
Filters by a pattern that matches the whole name. It takes precedence over `prefix`. The leading \
slash is optional.

- `*` matches any number of characters except `/`; `?` matches one.
- `**` matches any number of characters; `**/` matches zero or more whole folders.
- `[abc]`, `[a-z]` and `[!a]` match one character, never `/`. `[^a]` is an error.
- `{{a,b}}` matches either alternative. Braces nest, up to {limits.GLOB_ALTERNATIVES} alternatives.
- `\\` takes the next character literally.
"""


#: The message for a field that no schema knows.
UNKNOWN = "Unknown field."


class ObjectSchema(Schema):
    """Rejects unknown fields, so that a typo does not lose data silently."""

    class Meta:
        """Marshmallow's options."""

        unknown = RAISE

    def _deserialize(self, data: Any, **options: Any) -> Any:
        """Return the values of an object, or of many.

        Marshmallow's order of unknown fields differs between processes; here it is that of the
        object.
        """
        if not isinstance(data, Mapping):
            return super()._deserialize(data, **options)
        values = super()._deserialize(data, **{**options, "unknown": EXCLUDE})
        known = {each.data_key or name for name, each in self.load_fields.items()}
        for name in data:
            if name not in known:
                message = self._message_of_unknown(name)
                options["error_store"].store_error([message], name, options.get("index"))
        return values

    def _message_of_unknown(self, name: str) -> str:
        """Return the message for an unknown field, which suggests a field with a similar name."""
        similar = self._similar_names.get(_letters(name))
        return f"Unknown field; did you mean {similar}?" if similar else UNKNOWN

    @cached_property
    def _similar_names(self) -> dict[str, str]:
        """The name of a field by each name that clients take for it, such as ``episode_name``.

        They are looked up, not compared: a body may have a million unknown fields.
        """
        names = {column: each.data_key or column for column, each in self.load_fields.items()}
        similar = {
            _letters(column).removesuffix("s") + end: name
            for column, name in names.items()
            for end in ("s", "id", "name")
        }
        similar |= {_letters(column): name for column, name in names.items()}
        return similar | {_letters(name): name for name in names.values()}


class StrictSchema(ObjectSchema):
    """An object in which null counts as not given, as do some empty values."""

    #: Fields whose empty value counts as not given.
    may_be_empty: frozenset[str] = frozenset()

    @pre_load
    def _drop_absent(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        return {name: value for name, value in data.items() if self._is_given(name, value)}

    def _is_given(self, name: str, value: Any) -> bool:
        if value is None:
            # An unknown field is rejected by name, even if it is null.
            return name not in self._known_names
        return value != "" or name not in self.may_be_empty

    @cached_property
    def _known_names(self) -> set[str]:
        return {*self._compiled[0]}

    def _deserialize(self, data: Any, **options: Any) -> Any:
        """Return the values of an object, in one pass over the members that are given.

        Marshmallow's own makes a pass over all fields of the schema, which takes twice the time. It
        repeats the work if something is wrong, and collects the errors in the order of the fields.
        """
        if not isinstance(data, Mapping) or options.get("partial"):
            return super()._deserialize(data, **options)
        try:
            return self._valid(data)
        except (KeyError, ValidationError):
            return super()._deserialize(data, **options)

    def _valid(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of an object.

        :raises KeyError: a field is unknown, or a required one is missing.
        :raises ValidationError: a value is not valid.
        """
        fields, required, defaults = self._compiled
        if not required <= data.keys():
            raise KeyError
        result = {name: value() if callable(value) else value for name, value in defaults.items()}
        for name, value in data.items():
            column, field = fields[name]
            if value is None:
                raise KeyError
            result[column] = loaded = field._deserialize(value, name, data)  # noqa: SLF001
            if field.validators:
                field._validate(loaded)  # noqa: SLF001
        return result

    @cached_property
    def _compiled(self) -> tuple[dict[str, tuple[str, Any]], set[str], dict[str, Any]]:
        """The fields by published name, the published names of required ones, and the defaults."""
        named = {each.data_key or name: (name, each) for name, each in self.load_fields.items()}
        required = {name for name, (_, each) in named.items() if each.required}
        defaults = {
            name: each.load_default
            for name, each in self.load_fields.items()
            if each.load_default is not missing
        }
        return named, required, defaults


class RequestSchema(StrictSchema):
    """A request for one project, which older clients call a space."""

    namespace = Slug(
        required=True,
        metadata={
            "description": "The slug of a namespace, which is a user or an organisation.",
            "examples": ["testuser"],
        },
    )

    @pre_load
    def _drop_absent(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        given = super()._drop_absent(data)
        if "space" in given and "project" in self.load_fields:
            # Older clients call the project a space.
            space = given.pop("space")
            if given.setdefault("project", space) != space:
                raise ValidationError("Must equal project when both are given.", "space")
        return given

    @cached_property
    def _known_names(self) -> set[str]:
        return {"space", *super()._known_names}


class InProjectSchema(RequestSchema):
    """A request below a project."""

    project = Slug(
        required=True,
        metadata={
            "description": "The slug of a project. Older clients send it as `space`.",
            "examples": ["robotics"],
        },
    )


class AssetSchema(StrictSchema):
    """An asset to register, without its project and the fields of its kind."""

    may_be_empty = frozenset({"episodeName"})

    episode = EpisodeName(
        data_key="episodeName",
        load_default=None,
        metadata={
            "description": "The name of the episode, which is created if it does not exist. Null or"
            " empty means none."
        },
    )
    name = AssetName(
        load_default=None,
        metadata={
            "description": "The full path of the asset. Folders are created if they do not exist."
            " A leading slash is added, and repeated slashes become one. Unicode is not normalised:"
            " `é` composed (NFC) and decomposed (NFD, as macOS writes it) are different names. A"
            " backslash is an ordinary character and separates nothing."
        },
    )
    tags = Tags(load_default=list)
    metadata = Metadata(load_default=None)


class RegisterSchema(InProjectSchema, AssetSchema):
    """The body of POST /assets/<kind>, without the fields of a kind."""

    may_be_empty = frozenset({"namespace", "project", "space", "episodeName"})


#: Query parameters whose empty value counts as not given.
MAY_BE_EMPTY = frozenset(
    {"namespace", "project", "space", "episode", "episodeId", "prefix", "glob", "name", "parent"}
    | {"cursor"}
)


class EpisodeFilterSchema(InProjectSchema):
    """The query string of a route that can be filtered by episode."""

    may_be_empty = MAY_BE_EMPTY

    episode = EpisodeName(
        load_default=None, metadata={"description": "Filters by the name of an episode."}
    )
    episode_id = Id(
        data_key="episodeId",
        load_default=None,
        metadata={
            "description": "Filters by the id of an episode. Cannot be combined with `episode`."
        },
    )

    @validates_schema
    def _one_episode(self, data: Mapping[str, Any], **_: Any) -> None:
        if data.get("episode") is not None and data.get("episode_id") is not None:
            raise ValidationError("Give episodeId or episode, not both.", "episodeId")


class GlobPattern(Text):
    """A glob that matches whole names."""

    json_schema: ClassVar[dict[str, Any]] = {
        **Text.json_schema,
        "maxLength": limits.GLOB_BYTES,
        "format": "glob",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            return globs.parse(check_text(value))
        except InvalidName as error:
            raise ValidationError(str(error)) from None
        except globs.GlobError as error:
            reason = str(error).removesuffix(".")
            raise ValidationError(f"{reason} (at position {error.position}).") from None


class ArrayOfBatch(fields.Field[list[Any]]):
    """An array of at most ``limits.BATCH`` items, which its schema validates afterwards."""

    noun: ClassVar[str]
    json_schema: ClassVar[dict[str, Any]] = {
        "type": "array",
        "minItems": 1,
        "maxItems": limits.BATCH,
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> list[Any]:
        if not isinstance(value, list) or not 1 <= len(value) <= limits.BATCH:
            raise ValidationError(f"Must be an array of 1 to {limits.BATCH:,} {self.noun}.")
        return value


def kind_filter(description: str) -> Text:
    """Return the field of a kind that a request may name."""
    return Text(
        load_default=None,
        validate=validate.OneOf([*KINDS]),
        metadata={"description": description},
    )


class DownloadSchema(EpisodeFilterSchema):
    """The query string of GET /assets/<kind>/download."""

    path = AssetName(
        required=True, metadata={"description": "The name of the asset: its full path."}
    )


def _register_schema(kind: Kind) -> Schema:
    return type(f"Register{kind.bss_field}Schema", (RegisterSchema,), fields_of(kind))()


def fields_of(kind: Kind) -> dict[str, Any]:
    """Return the fields of the assets of a kind, besides those of ``AssetSchema``."""
    bss_id = BssId(data_key=kind.bss_field, load_default=None)
    return {"bss_id": bss_id, **kind.own_fields, **COMMON_FIELDS}


REGISTER = {name: _register_schema(kind) for name, kind in KINDS.items()}
DOWNLOAD = DownloadSchema()


def load(schema: Schema, data: Any) -> dict[str, Any]:
    """Return the validated values of a body or a query string, by column.

    :raises InvalidRequest: the data is not an object, or a value is not valid. The error names
        every such field.
    """
    if not isinstance(data, Mapping):
        raise InvalidRequest("The body must be a JSON object.")
    try:
        return cast("dict[str, Any]", schema.load(data))
    except ValidationError as error:
        messages = messages_of(error.normalized_messages())
        raise InvalidRequest(sentence(schema, messages), fields=messages) from None


def messages_of(errors: Mapping[Any, Any]) -> dict[str, list[str]]:
    """Return the messages of each field.

    :param errors: errors of marshmallow, by field.
    """
    return dict(_named(errors))


def sentence(schema: Schema, messages: Mapping[str, list[str]]) -> str:
    """Return the sentence of an error: the messages of all fields."""
    place = [name for name in ("namespace", "project") if name in schema.load_fields]
    if any(REQUIRED in messages.get(name, ()) for name in place):
        return f"{' or '.join(place)} missing"
    return " ".join(f"{name}: {' '.join(texts)}" for name, texts in messages.items())


def _named(errors: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the messages of each field. A field of an object in a list is ``items.17.path``."""
    for name, messages in errors.items():
        field = (prefix + _printable(name)).removesuffix("._schema")
        if isinstance(messages, dict) and any(isinstance(each, dict) for each in messages.values()):
            for number, of_object in messages.items():
                yield from _named(of_object, f"{field}.{number}.")
        else:
            yield field, _flat(messages)


def _flat(messages: Any) -> list[str]:
    """Return the messages of a field. Those of an item of a list begin with its index."""
    if isinstance(messages, dict):
        return [f"[{index}] {text}" for index, texts in messages.items() for text in _flat(texts)]
    return list(messages)


def _letters(name: str) -> str:
    """Return a name in lower case and without underscores and hyphens."""
    return name.lower().replace("_", "").replace("-", "")


def _printable(name: Any) -> str:
    """Return the name of a field as valid Unicode: an unknown one may have any characters."""
    return str(name).encode("utf-8", "backslashreplace").decode()
