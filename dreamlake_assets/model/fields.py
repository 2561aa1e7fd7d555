"""Marshmallow fields of requests, strict about types and with readable messages.

Marshmallow's own fields are lenient, which hides mistakes: they accept the string "30" as a number,
and True as 1.0.

The attribute ``json_schema`` of a field is its schema in the OpenAPI document, made of the limits
that its code enforces. The first line of its docstring is its description, unless the field is used
with one of its own in ``metadata``.
"""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from dreamlake_assets import limits
from dreamlake_assets.model import exact_json, names
from dreamlake_assets.model.exact_json import LongNumber

REQUIRED = "Is required."

_LANGUAGE_TAG_PATTERN = "[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,7}"
_LANGUAGE_TAG = re.compile(_LANGUAGE_TAG_PATTERN)
_UUID_PATTERN = "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
_UUID = re.compile(_UUID_PATTERN)
_SHA256_PATTERN = "[0-9A-Fa-f]{64}"
_SHA256_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_SHA256 = re.compile(_SHA256_PATTERN)
_WORD_PATTERN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_QUOTED_PATTERN = r'"([ !#-\[\]-~]|\\[ -~])*"'
_PARAMETER_PATTERN = f" *; *{_WORD_PATTERN}=({_WORD_PATTERN}|{_QUOTED_PATTERN})"
_MEDIA_TYPE_PATTERN = f"{_WORD_PATTERN}/{_WORD_PATTERN}({_PARAMETER_PATTERN})*"
_MEDIA_TYPE = re.compile(_MEDIA_TYPE_PATTERN)
_TIME_PATTERN = "([01][0-9]|2[0-3]):[0-5][0-9]"
_TIMESTAMP_PATTERN = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    rf"[Tt]{_TIME_PATTERN}:([0-5][0-9]|60)(\.[0-9]+)?([Zz]|[+-]{_TIME_PATTERN})"
)
_TIMESTAMP = re.compile(_TIMESTAMP_PATTERN)
_FIRST_TIME = datetime.min.replace(tzinfo=UTC)
_LAST_TIME = datetime.max.replace(tzinfo=UTC)
_NO_NUL_PATTERN = r"[^\u0000]*"

_JSON_VALUE = {"$ref": "#/components/schemas/JsonValue"}
_JSON_OBJECT = {
    "propertyNames": {"pattern": f"^{_NO_NUL_PATTERN}$"},
    "additionalProperties": _JSON_VALUE,
}

#: A value in metadata. Types do not exclude NUL, which PostgreSQL cannot store; patterns do.
#: Validators apply ``if``. Client generators ignore it and accept any value: openapi-python-client
#: and TypeScript reject a union that refers to itself.
JSON_VALUE_SCHEMA = {
    "description": "Any JSON value. Strings and keys must not contain NUL characters.",
    "if": {"type": "object"},
    "then": _JSON_OBJECT,
    "else": {"pattern": f"^{_NO_NUL_PATTERN}$", "items": _JSON_VALUE},
}


class Text(fields.String):
    """A string without control characters."""

    json_schema: ClassVar[dict[str, Any]] = {"pattern": f"^{names.TEXT_PATTERN}$"}

    default_error_messages = {
        "required": REQUIRED,
        "null": "Must not be null.",
        "invalid": "Must be a string.",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            return self.checked(value)
        except names.InvalidName as error:
            raise ValidationError(str(error)) from None

    def checked(self, value: str) -> str:
        """Return the value as it is stored.

        :raises names.InvalidName: the value is not allowed.
        """
        return names.check_text(value)


class Slug(Text):
    """The slug of a namespace or a project."""

    json_schema = {"pattern": f"^{names.SLUG_PATTERN}$"}

    def checked(self, value: str) -> str:
        return names.check_slug(value)


class EpisodeName(Text):
    """The name of an episode."""

    json_schema = {
        **Text.json_schema,
        "maxLength": limits.EPISODE_CHARACTERS,
        "examples": ["run-042"],
    }

    def checked(self, value: str) -> str:
        return names.check_episode(value)


class AssetName(Text):
    """The full path of an asset. A leading slash is added, and repeated slashes become one."""

    json_schema = {"pattern": f"^{names.NAME_PATTERN}$", "examples": ["/camera/front/run01.mp4"]}

    def checked(self, value: str) -> str:
        return names.normalise(value)


class FolderPath(Text):
    """The full path of a folder. It is deserialised to the empty text for the root."""

    json_schema = {"pattern": f"^(/*|{names.NAME_PATTERN})$", "examples": ["/camera"]}

    def checked(self, value: str) -> str:
        return names.normalise(value) if value.strip("/") else ""


class BssId(Text):
    """The id of the file in BSS. It must not be `.` or `..`, as it is a segment of a path there."""

    json_schema = {
        "pattern": rf"^(?!\.{{1,2}}$){names.TEXT_PATTERN}$",
        "minLength": 1,
        "maxLength": limits.BSS_ID_CHARACTERS,
    }

    def checked(self, value: str) -> str:
        if not 1 <= len(value) <= limits.BSS_ID_CHARACTERS:
            raise names.InvalidName(f"Must have 1 to {limits.BSS_ID_CHARACTERS} characters.")
        if value in (".", ".."):
            raise names.InvalidName("Must not be '.' or '..'.")
        return names.check_text(value)


class Id(Text):
    """A UUID with hyphens, in lower case as in responses. An empty string counts as not given."""

    json_schema = {"pattern": f"^({_UUID_PATTERN})?$"}

    def checked(self, value: str) -> str:
        if not _UUID.fullmatch(value):
            raise names.InvalidName("Must be a UUID.")
        return value.lower()


class LanguageTag(Text):
    """A language tag (BCP 47) such as en, pt-BR or zh-Hans-CN."""

    json_schema = {"pattern": f"^{_LANGUAGE_TAG_PATTERN}$", "examples": ["pt-BR"]}

    def checked(self, value: str) -> str:
        if not _LANGUAGE_TAG.fullmatch(value):
            raise names.InvalidName("Must be a language tag, such as en, pt-BR or zh-Hans-CN.")
        return value


class PositiveNumber(fields.Field[float]):
    """A finite number above 0."""

    json_schema = {"type": "number", "format": "double", "exclusiveMinimum": 0}

    default_error_messages = {"invalid": "Must be a finite number above 0."}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid")
        try:
            number = float(value)
        except OverflowError:
            raise self.make_error("invalid") from None
        if not (math.isfinite(number) and number > 0):
            raise self.make_error("invalid")
        return number


class _WholeNumber(fields.Field[int]):
    """A whole number between the limits of its schema."""

    json_schema: ClassVar[dict[str, Any]]

    default_error_messages = {"invalid": "Must be a whole number from {minimum} to {maximum}."}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        minimum, maximum = self.json_schema["minimum"], self.json_schema["maximum"]
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        # The nearest double of a long number may be whole.
        if isinstance(value, bool | LongNumber) or not whole or not minimum <= value <= maximum:
            raise self.make_error("invalid", minimum=minimum, maximum=maximum)
        return int(value)


class Count(_WholeNumber):
    """A whole number, 1 or more."""

    json_schema = {"type": "integer", "minimum": 1, "maximum": limits.COUNT}


class Size(_WholeNumber):
    """The number of bytes of the file."""

    json_schema = {
        "type": "integer",
        "format": "int64",
        "minimum": 0,
        "maximum": limits.SIZE,
        "examples": [1048576],
    }


class Urls(_WholeNumber):
    """The number of assets in a page."""

    json_schema = {"type": "integer", "minimum": 1, "maximum": limits.URLS}


class Sha256(Text):
    """The SHA-256 of the bytes of the file: 64 hexadecimal digits, in lower case in responses."""

    json_schema = {"pattern": f"^{_SHA256_PATTERN}$", "examples": [_SHA256_OF_NOTHING]}

    def checked(self, value: str) -> str:
        if not _SHA256.fullmatch(value):
            raise names.InvalidName("Must be a SHA-256: 64 hexadecimal digits.")
        return value.lower()


class ContentType(Text):
    """The media type of the file (RFC 9110), which may have parameters."""

    json_schema = {
        "pattern": f"^{_MEDIA_TYPE_PATTERN}$",
        "maxLength": limits.CONTENT_TYPE_CHARACTERS,
        "examples": ["video/mp4"],
    }

    def checked(self, value: str) -> str:
        if len(value) > limits.CONTENT_TYPE_CHARACTERS:
            maximum = limits.CONTENT_TYPE_CHARACTERS
            raise names.InvalidName(f"Must have at most {maximum} characters.")
        if not _MEDIA_TYPE.fullmatch(value):
            raise names.InvalidName("Must be a media type, such as video/mp4.")
        return value


class Tags(fields.List):
    """Tags, by which lists can be filtered."""

    json_schema = {"examples": [["night", "rain"]]}

    default_error_messages = {"invalid": "Must be an array."}

    def __init__(self, *, maximum: int = limits.TAGS, **kwargs: Any):
        tag = validate.Length(1, limits.TAG_CHARACTERS, error="Must have 1 to {max} characters.")
        tags = validate.Length(max=maximum, error="Must have at most {max} tags.")
        super().__init__(Text(validate=tag), validate=tags, **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return super()._deserialize(value, *args, **kwargs) if value else []


class Metadata(fields.Field[str]):
    """Any JSON object, up to 64 KiB. Its numbers keep their values, whatever their digits.

    It is deserialised to the JSON text that is stored.
    """

    json_schema = {
        "title": "Metadata",
        "type": "object",
        **_JSON_OBJECT,
        "examples": [{"robot": "arm-3", "calibration": {"fx": 610.5}}],
    }

    default_error_messages = {
        "invalid": "Must be an object.",
        "too_large": f"Must have at most {limits.METADATA_BYTES} bytes as JSON.",
        "too_deep": "Is nested too deeply.",
        "nul": "NUL characters are not allowed.",
        "surrogate": "Unpaired surrogates are not allowed.",
        "not_finite": "Numbers must be finite.",
        "not_exact": "A number has too many digits, or is too close to 0, to be kept exactly.",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        text = self._text(value)
        if len(text) > limits.METADATA_BYTES:
            raise self.make_error("too_large")
        return text.decode()

    def _text(self, value: Any) -> bytes:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        self._check(value)
        try:
            return exact_json.dumps(value)
        except TypeError:
            # A value that was parsed from JSON fails only if it is nested too deeply.
            raise self.make_error("too_deep") from None

    def _check(self, value: dict[str, Any]) -> None:
        pending: list[Any] = [value]
        while pending:
            match pending.pop():
                case str(text):
                    if "\x00" in text:
                        raise self.make_error("nul")
                    if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
                        raise self.make_error("surrogate")
                case float(number):
                    self._check_number(number)
                case dict(members):
                    pending.extend(members)
                    pending.extend(members.values())
                case list(items):
                    pending.extend(items)

    def _check_number(self, number: float) -> None:
        if not math.isfinite(number):
            raise self.make_error("not_finite")
        # The nearest double of 1e-400 is 0. PostgreSQL holds 16,383 digits after the point.
        long = isinstance(number, LongNumber)
        if long and (number == 0 or len(number.digits) > limits.NUMBER_CHARACTERS):
            raise self.make_error("not_exact")


class Limit(fields.Field[int]):
    """The number of assets in a page. Without it, the whole list is streamed."""

    json_schema = {"type": "integer", "minimum": 1, "maximum": limits.PAGE}

    default_error_messages = {"invalid": f"Must be a whole number from 1 to {limits.PAGE}."}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not re.fullmatch("[0-9]{1,4}", value) or not 1 <= int(value) <= limits.PAGE:
            raise self.make_error("invalid")
        return int(value)


class Prefix(Text):
    """The literal beginning of a name. A leading slash is added, repeated slashes become one."""

    def checked(self, value: str) -> str:
        return names.with_leading_slash(names.check_text(value))


class Timestamp(Text):
    """An RFC 3339 timestamp.

    It is deserialised to UTC. Programs send their first and last times for "no limit". A time that
    is outside the years 1 to 9999 in UTC becomes the first or the last of a datetime.
    """

    json_schema = {
        "format": "date-time",
        "pattern": f"^{_TIMESTAMP_PATTERN}$",
        "examples": ["2026-04-14T09:30:00Z"],
    }

    def checked(self, value: str) -> str:
        try:
            if _TIMESTAMP.fullmatch(value):
                return self._in_utc(value.upper()).isoformat()
        except ValueError:
            # The date or the time does not exist, such as 30 February.
            pass
        raise names.InvalidName(
            "Must be an RFC 3339 timestamp, such as 2026-04-14T09:30:00Z;"
            " in a URL, the + of an offset is written %2B."
        )

    @staticmethod
    def _in_utc(value: str) -> datetime:
        leap_second = value[17:19] == "60"
        if leap_second:
            value = f"{value[:17]}59{value[19:]}"
        # A datetime has no year 0. Year 4 has the same days, and is before every asset, too.
        moment = datetime.fromisoformat(re.sub("^0000", "0004", value))
        try:
            moment = moment.astimezone(UTC)
            if leap_second:
                if (moment.hour, moment.minute) != (23, 59):
                    raise ValueError("UTC has leap seconds only at the end of a day.")
                moment += timedelta(seconds=1)
        except OverflowError:
            return _FIRST_TIME if moment.year == 1 else _LAST_TIME
        return moment
