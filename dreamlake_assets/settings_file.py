"""The file of settings, which takes precedence over the environment."""

import os
from collections.abc import MutableMapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from dreamlake_assets import config
from dreamlake_assets.config import SettingsError

#: The environment that gunicorn serves with; a later one may be refused at SIGHUP.
accepted: dict[str, str] | None = None

#: The variables that the settings file has replaced, with their former values.
_replaced: dict[str, str | None] = {}


def read(environ: MutableMapping[str, str] = os.environ) -> None:
    """Put the settings of the file that DREAMLAKE_SETTINGS_FILE names into the environment.

    Settings that an earlier call took from the file are removed first. The file has the lines of an
    EnvironmentFile of systemd: ``NAME=value``; a comment begins with ``#``.

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
