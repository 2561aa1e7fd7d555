"""The settings file, whose values take precedence over the environment."""

import os
from collections.abc import MutableMapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from dreamlake_assets import config
from dreamlake_assets.config import SettingsError

#: The environment that gunicorn serves with. It stays in use if a reload finds invalid settings.
accepted: dict[str, str] | None = None

#: The variables that the settings file replaced, with their former values; None if there was none.
_replaced: dict[str, str | None] = {}


def read(environ: MutableMapping[str, str] = os.environ) -> None:
    """Read the file that DREAMLAKE_SETTINGS_FILE names into the environment.

    The changes of an earlier call are undone first. The format is that of EnvironmentFile in
    systemd: lines ``NAME=value``, and comments that start with ``#``.

    :raises SettingsError: the file cannot be read.
    """
    for name, value in _replaced.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
    _replaced.clear()
    path = config.read("settings_file", environ)
    if path is None:
        return
    try:
        content = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"DREAMLAKE_SETTINGS_FILE cannot be read: {error}") from None
    for name, value in dotenv_values(stream=StringIO(content), interpolate=False).items():
        _replaced[name] = environ.get(name)
        environ[name] = value or ""
