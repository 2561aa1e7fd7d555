"""The programs from Debian packages that tests run; ``.ci/packages`` lists them."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
#: The directory of packages unpacked for users who may not install them.
_UNPACKED = _CHECKOUT / ".venv" / "debian"


def program(name: str) -> Path:
    """The path of a program, such as ``nginx``.

    :raises FileNotFoundError: the program is neither installed nor unpacked.
    """
    places = [root / _files()[name] for root in (Path("/"), _UNPACKED)]
    on_path = shutil.which(name)
    if on_path:
        places.append(Path(on_path))
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"there is no {name} here; make test installs it (.ci/packages)")


def environment() -> dict[str, str]:
    """The environment of a program: variables of this process and the unpacked libraries."""
    libraries = [*_UNPACKED.glob("usr/lib/*-linux-*"), *_UNPACKED.glob("lib/*-linux-*")]
    libraries += _UNPACKED.glob("usr/lib/*-linux-*/pulseaudio")
    inherited = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
    return {**inherited, "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries))}


def adapted(configuration: Path, replaced: Mapping[str, str]) -> str:
    """The text of a configuration in ``deploy/``, adapted for a test.

    :param replaced: replacements by original text, which must occur exactly once.
    """
    text = configuration.read_text()
    for theirs, ours in replaced.items():
        assert text.count(theirs) == 1, theirs
        text = text.replace(theirs, ours)
    return text


def _files() -> dict[str, str]:
    lines = (_CHECKOUT / ".ci" / "packages").read_text().splitlines()
    files = (line.split()[1] for line in lines if not line.startswith("#"))
    return {Path(file).name: file for file in files}
