"""Rules for the paths of assets, for slugs and for the names of episodes."""

import re

from dreamlake_assets import limits

CONTROL_CHARACTERS = r"\u0000-\u001f\u007f-\u009f"

#: The published patterns, in the syntax that Python and JavaScript share. A pattern cannot count
#: bytes, so where a rule limits bytes, its pattern allows the same number of characters.
SLUG_PATTERN = "[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
IDEMPOTENCY_KEY_PATTERN = "[!-~]{1,255}"
TEXT_PATTERN = f"[^{CONTROL_CHARACTERS}]*"
_SEGMENT_PATTERN = rf"(?!\.{{1,2}}(?:/|$))[^/{CONTROL_CHARACTERS}]{{1,{limits.SEGMENT_BYTES}}}"
NAME_PATTERN = f"/*{_SEGMENT_PATTERN}(?:/+{_SEGMENT_PATTERN}){{0,{limits.FOLDERS}}}"

_SLUG = re.compile(SLUG_PATTERN)
_CONTROL_CHARACTER = re.compile(f"[{CONTROL_CHARACTERS}]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SLASHES = re.compile(r"/{2,}")


class InvalidName(ValueError):
    """The name is not allowed. The message is a sentence that gives the reason."""


def check_text(text: str) -> str:
    """Return the text unchanged if PostgreSQL, JSON and a log line can hold it.

    :raises InvalidName: the text has a control character, such as NUL, or an unpaired surrogate.
    """
    if _CONTROL_CHARACTER.search(text):
        raise InvalidName("Control characters are not allowed.")
    if _SURROGATE.search(text):
        raise InvalidName("Unpaired surrogates are not allowed.")
    return text


def check_slug(slug: str) -> str:
    """Return the slug of a namespace or a project unchanged.

    :raises InvalidName: the slug does not match ``SLUG_PATTERN``.
    """
    if not _SLUG.fullmatch(slug):
        raise InvalidName(
            "Must be 1 to 128 letters, digits, '.', '_' or '-', and begin with a letter or a digit."
        )
    return slug


def check_episode(name: str) -> str:
    """Return the name of an episode unchanged; it may contain slashes.

    :raises InvalidName: the name is too long, or has a character that is not allowed.
    """
    if len(name) > limits.EPISODE_CHARACTERS:
        raise InvalidName(f"Must have at most {limits.EPISODE_CHARACTERS} characters.")
    return check_text(name)


def with_leading_slash(path: str) -> str:
    """Return the path with one leading slash and no repeated slashes."""
    return _SLASHES.sub("/", f"/{path}")


def normalise(name: str) -> str:
    """Return the full path of an asset with one leading slash and no repeated slashes.

    :raises InvalidName: the path ends with a slash, has a segment ``.`` or ``..`` or a character
        that is not allowed, or is too long or too deep.
    """
    name = with_leading_slash(check_text(name))
    if len(name.encode()) > limits.NAME_BYTES:
        raise InvalidName(f"Must have at most {limits.NAME_BYTES} bytes in UTF-8.")
    segments = name.split("/")[1:]
    if segments == [""]:
        raise InvalidName("Must have a character other than a slash.")
    if not segments[-1]:
        raise InvalidName("Must not end with a slash.")
    if "." in segments or ".." in segments:
        raise InvalidName("Must not have a segment '.' or '..'.")
    if any(len(segment.encode()) > limits.SEGMENT_BYTES for segment in segments):
        raise InvalidName(f"A segment must have at most {limits.SEGMENT_BYTES} bytes in UTF-8.")
    if len(segments) - 1 > limits.FOLDERS:
        raise InvalidName(f"Must have at most {limits.FOLDERS} folders.")
    return name


def folders(name: str | None) -> list[str]:
    """Return the paths of the folders of a normalised name, the outermost first.

    For example, ``/camera/front/run01.mp4`` has ``["/camera", "/camera/front"]``.
    """
    if name is None:
        return []
    segments = name.split("/")[1:-1]
    return ["/" + "/".join(segments[: count + 1]) for count in range(len(segments))]
