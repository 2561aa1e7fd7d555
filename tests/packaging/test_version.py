"""The version is defined in one place, and every mention of it agrees."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import orjson

from dreamlake_assets import __version__
from dreamlake_assets.schemas import openapi

CHECKOUT = Path(__file__).parents[2]

#: The name of the built metadata contains the version.
PROGRAM = """
import sys
from setuptools.build_meta import prepare_metadata_for_build_wheel
print(prepare_metadata_for_build_wheel(sys.argv[1]))
"""


def test_the_wheel_has_the_version_of_the_package(tmp_path: Path) -> None:
    """A build reads it from the source, without importing the package or its dependencies."""
    source = tmp_path / "source"
    shutil.copytree(CHECKOUT / "dreamlake_assets", source / "dreamlake_assets")
    shutil.copytree(CHECKOUT / "sql", source / "sql")
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(CHECKOUT / name, source)
    (source / "dreamlake_assets" / "app.py").write_text("raise AssertionError\n")

    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    output = subprocess.run(command, cwd=source, check=True, capture_output=True, text=True).stdout

    assert output.splitlines()[-1] == f"dreamlake_assets-{__version__}.dist-info"


def test_the_openapi_document_has_the_version_of_the_package() -> None:
    assert orjson.loads(openapi.document())["info"]["version"] == __version__


def test_the_changelog_begins_with_what_is_unreleased_and_this_version() -> None:
    changelog = (CHECKOUT / "CHANGELOG.md").read_text("utf-8")
    first, newest, *_ = re.findall(r"^## (.*)$", changelog, re.MULTILINE)

    assert first == "[Unreleased]"
    assert re.fullmatch(rf"\[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d", newest)
