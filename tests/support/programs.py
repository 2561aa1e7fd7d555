"""The programs of Debian's packages that tests run; ``.ci/packages`` lists them."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
#: Where packages are unpacked for a user who may not install them.
_UNPACKED = _CHECKOUT / ".venv" / "debian"


def program(name: str) -> Path:
    """The program of a name, such as ``nginx``.

    :raises FileNotFoundError: it is neither installed nor unpacked.
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
    """What a program needs of this process, and where the libraries are that were unpacked."""
    libraries = [*_UNPACKED.glob("usr/lib/*-linux-*"), *_UNPACKED.glob("lib/*-linux-*")]
    libraries += _UNPACKED.glob("usr/lib/*-linux-*/pulseaudio")
    inherited = {name: os.environ[name] for name in ("HOME", "LANG", "PATH") if name in os.environ}
    return {**inherited, "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries))}


def adapted(configuration: Path, replaced: Mapping[str, str]) -> str:
    """A configuration of ``deploy/``, as a test runs it.

    :param replaced: what stands in it for what; each has to be there once.
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
