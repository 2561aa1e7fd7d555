r"""Reads the settings file, which takes precedence over the environment.

The file has the grammar of systemd's ``EnvironmentFile=``, described in systemd.exec(5)::

    # A comment: a line that begins with # or ;
    NAME=a value # of the whole line, without the spaces around it
    NAME='a value between quotes, which may span several lines'
    NAME="the same, with the escapes \" \\ \` \$"
    NAME=a value in \
    two lines: outside quotes, a backslash escapes any character

A file that is accepted means the same to systemd. Lines that systemd skips with a warning or joins
silently are refused: without the setting in them, a check might not be made.
"""

import os
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from dreamlake_assets import config
from dreamlake_assets.config import SettingsError

#: The settings of the file that gunicorn serves with, for :func:`restore`.
accepted: dict[str, str] | None = None

#: The names of the settings that the environment has from the file, with the values that they
#: replaced.
_replaced: dict[str, str | None] = {}

_BLANKS_AND_COMMENTS = re.compile(r"(?:[ \t\r\n]+|[#;][^\r\n]*)*")
_SETTING = re.compile(
    r"""
    (?P<name> [A-Za-z_][A-Za-z0-9_]* ) [ \t]* = [ \t]*
    (?: '(?P<single> [^']* )'
      | "(?P<double> (?: [^"\\] | \\[^\r] )* )"
      | (?P<plain> (?!['"]) (?: (?: [^\\\r\n] | \\[^\r] )* (?: [^\\ \t\r\n] | \\[^\r] ) )? )
    )
    [ \t]* (?= [\r\n] | \Z )
    """,
    re.DOTALL | re.VERBOSE,
)
_ESCAPES = {
    "double": re.compile(r'\\(?:\n|(["\\`$]))'),
    "plain": re.compile(r"\\(?:\n|(.))", re.DOTALL),
}


def read(environ: MutableMapping[str, str] = os.environ) -> None:
    """Read the file that DREAMLAKE_SETTINGS_FILE names into the environment.

    The changes of an earlier call are undone first.

    :raises SettingsError: the file cannot be read.
    """
    _put({}, environ)
    path = config.read("settings_file", environ)
    if path is not None:
        _put(settings(path), environ)


def accept(environ: Mapping[str, str] = os.environ) -> None:
    """Keep the settings that were read last."""
    global accepted  # noqa: PLW0603
    accepted = {name: environ[name] for name in _replaced}


def restore(environ: MutableMapping[str, str] = os.environ) -> None:
    """Put the settings that were accepted last back into the environment."""
    _put(accepted or {}, environ)


def settings(path: str) -> dict[str, str]:
    """Return the settings in a file. If a name occurs several times, the last one counts.

    :raises SettingsError: the file cannot be read. The message names the line and does not quote
        it, because it may hold a secret.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise SettingsError(f"DREAMLAKE_SETTINGS_FILE cannot be read: {error}") from None
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise _bad_line(path, content[: error.start].decode(), "is not UTF-8") from None
    invalid = re.search("[\0\ufeff]", text)
    if invalid is not None:
        reason = "has a NUL character or a byte order mark"
        raise _bad_line(path, text[: invalid.start()], reason)
    found: dict[str, str] = {}
    position = _next_setting(text, 0)
    while position < len(text):
        match = _SETTING.match(text, position)
        if match is None:
            reason = "is not NAME=value; a quoted value needs a closing quote and nothing after it"
            raise _bad_line(path, text[:position], reason)
        quoting = match.lastgroup or ""
        value = match[quoting]
        if quoting in _ESCAPES:
            value = _ESCAPES[quoting].sub(r"\1", value)
        found[match["name"]] = value
        position = _next_setting(text, match.end())
    return found


def _next_setting(text: str, position: int) -> int:
    match = _BLANKS_AND_COMMENTS.match(text, position)
    return match.end() if match else position


def _bad_line(path: str, before: str, reason: str) -> SettingsError:
    line = before.count("\n") + 1
    return SettingsError(f"DREAMLAKE_SETTINGS_FILE: line {line} of {path} {reason}")


def _put(values: Mapping[str, str], environ: MutableMapping[str, str]) -> None:
    """Replace the settings of the file that are in the environment."""
    for name, value in _replaced.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
    _replaced.clear()
    for name, value in values.items():
        _replaced[name] = environ.get(name)
        environ[name] = value
