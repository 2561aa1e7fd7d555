"""The marshmallow fields of requests: strict about types, and with messages for people.

marshmallow's own are lenient (the string "30" is a number, True is 1.0), which would hide mistakes.
"""

import math
import re
from typing import Any

import orjson
from marshmallow import ValidationError, fields, validate

from dreamlake_assets import names

MAXIMUM_METADATA_BYTES = 65_536
MAXIMUM_TAGS = 100
MAXIMUM_TAG_CHARACTERS = 200
MAXIMUM_BSS_ID_CHARACTERS = 512
#: What a column of type integer holds.
MAXIMUM_COUNT = 2**31 - 1

_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,7}")


class Text(fields.String):
    """A string that PostgreSQL and JSON can hold."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            return self.checked(value)
        except names.InvalidName as error:
            raise ValidationError(str(error)) from None

    def checked(self, value: str) -> str:
        """:raises names.InvalidName: the text is not allowed."""
        return names.check_text(value)


class Slug(Text):
    """The slug of a namespace or a project."""

    def checked(self, value: str) -> str:
        return names.check_slug(value)


class EpisodeName(Text):
    """The name of an episode."""

    def checked(self, value: str) -> str:
        return names.check_episode(value)


class AssetName(Text):
    """The full path of an asset; what comes out is normalised."""

    def checked(self, value: str) -> str:
        return names.normalise(value)


class BssId(Text):
    """The id of the bytes in BSS; a segment of a path there, so it cannot be a dot segment."""

    def checked(self, value: str) -> str:
        if not 1 <= len(value) <= MAXIMUM_BSS_ID_CHARACTERS:
            raise names.InvalidName(f"Must have 1 to {MAXIMUM_BSS_ID_CHARACTERS} characters.")
        if value in (".", ".."):
            raise names.InvalidName("Must not be '.' or '..'.")
        return names.check_text(value)


class LanguageTag(Text):
    """A language tag (BCP 47) such as en, pt-BR or zh-Hans-CN."""

    def checked(self, value: str) -> str:
        if not _LANGUAGE_TAG.fullmatch(value):
            raise names.InvalidName("Must be a language tag, such as en, pt-BR or zh-Hans-CN.")
        return value


class PositiveNumber(fields.Field[float]):
    """A finite number above 0."""

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


class Count(fields.Field[int]):
    """A whole number, 1 or more."""

    default_error_messages = {"invalid": f"Must be a whole number from 1 to {MAXIMUM_COUNT}."}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole or not 1 <= value <= MAXIMUM_COUNT:
            raise self.make_error("invalid")
        return int(value)


class Tags(fields.List):
    """A list of short texts."""

    def __init__(self, **kwargs: Any):
        length = validate.Length(min=1, max=MAXIMUM_TAG_CHARACTERS)
        super().__init__(
            Text(validate=length), validate=validate.Length(max=MAXIMUM_TAGS), **kwargs
        )

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return super()._deserialize(value, *args, **kwargs) if value else []


class Metadata(fields.Field[str]):
    """A JSON object; what comes out is its JSON, ready to be stored."""

    default_error_messages = {
        "invalid": "Must be an object.",
        "too_large": f"Must have at most {MAXIMUM_METADATA_BYTES} bytes as JSON.",
        "too_deep": "Is nested too deep.",
        "nul": "NUL characters are not allowed.",
        "surrogate": "An unpaired surrogate is no character.",
        "not_finite": "Numbers must be finite.",
    }

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, dict):
            raise self.make_error("invalid")
        self._check(value)
        try:
            text = orjson.dumps(value)
        except TypeError:
            # Of what was read from JSON, orjson refuses this alone.
            raise self.make_error("too_deep") from None
        if len(text) > MAXIMUM_METADATA_BYTES:
            raise self.make_error("too_large")
        return text.decode()

    def _check(self, value: dict[str, Any]) -> None:
        waiting: list[Any] = [value]
        while waiting:
            match waiting.pop():
                case str(text):
                    if "\x00" in text:
                        raise self.make_error("nul")
                    if not text.isascii() and any("\ud800" <= each <= "\udfff" for each in text):
                        raise self.make_error("surrogate")
                case float(number) if not math.isfinite(number):
                    raise self.make_error("not_finite")
                case dict(members):
                    waiting.extend(members)
                    waiting.extend(members.values())
                case list(items):
                    waiting.extend(items)


class Limit(fields.Field[int]):
    """How many assets a page holds, in a query string."""

    default_error_messages = {"invalid": "Must be a whole number from 1 to 1000."}

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not re.fullmatch("[0-9]{1,4}", value) or not 1 <= int(value) <= 1000:
            raise self.make_error("invalid")
        return int(value)


class Prefix(Text):
    """The literal beginning of names; like a name, it begins with one slash."""

    def checked(self, value: str) -> str:
        return names.with_leading_slash(names.check_text(value))
