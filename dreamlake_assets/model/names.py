"""What a name may be: the path of an asset, a slug, the name of an episode."""

import re

from dreamlake_assets import limits

CONTROL_CHARACTERS = r"\u0000-\u001f\u007f-\u009f"

#: What is published of each rule, in the syntax that Python and JavaScript share. Bytes cannot be
#: counted in a pattern, so it allows as many characters.
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
    """A name is not allowed; the message says why, as a sentence."""


def check_text(text: str) -> str:
    """The text, if PostgreSQL and JSON can hold it and a log line can show it.

    :raises InvalidName: it has a control character (NUL among them) or an unpaired surrogate.
    """
    if _CONTROL_CHARACTER.search(text):
        raise InvalidName("Control characters are not allowed.")
    if _SURROGATE.search(text):
        raise InvalidName("An unpaired surrogate is no character.")
    return text


def check_slug(slug: str) -> str:
    """The slug of a namespace or a project, unchanged.

    :raises InvalidName: it is not of the form ``SLUG_PATTERN``.
    """
    if not _SLUG.fullmatch(slug):
        raise InvalidName(
            "Must begin with a letter or a digit and hold up to 128 letters, digits, '.', '_', '-'."
        )
    return slug


def check_episode(name: str) -> str:
    """The name of an episode, unchanged; it may hold slashes.

    :raises InvalidName: it is too long or has a character that is not allowed.
    """
    if len(name) > limits.EPISODE_CHARACTERS:
        raise InvalidName(f"Must have at most {limits.EPISODE_CHARACTERS} characters.")
    return check_text(name)


def with_leading_slash(path: str) -> str:
    """The path with one slash before it and no doubled ones."""
    return _SLASHES.sub("/", f"/{path}")


def normalise(name: str) -> str:
    """The full path of an asset: one leading slash, no doubled slashes.

    :raises InvalidName: see the messages.
    """
    name = with_leading_slash(check_text(name))
    if len(name.encode()) > limits.NAME_BYTES:
        raise InvalidName(f"Must have at most {limits.NAME_BYTES} bytes in UTF-8.")
    segments = name.split("/")[1:]
    if segments == [""]:
        raise InvalidName("Must have a character besides slashes.")
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
    """The paths of the folders of a normalised name, the outermost first.

    ``/camera/front/run01.mp4`` has ``["/camera", "/camera/front"]``.
    """
    if name is None:
        return []
    segments = name.split("/")[1:-1]
    return ["/" + "/".join(segments[: count + 1]) for count in range(len(segments))]
