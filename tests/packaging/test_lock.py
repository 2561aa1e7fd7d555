"""The lock files pin every dependency by hash, and name no package index."""

import configparser
import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).parents[2]
CLIENTS = "tests/openapi/clients"
LOCKS = ["requirements.txt", "requirements-dev.txt", f"{CLIENTS}/requirements.txt"]
_ENTRY = re.compile(r"(?m)^(?P<name>[\w.-]+)(\[[\w,-]+\])?==(?P<version>\S+)[^\n]*$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")

every_lock = pytest.mark.parametrize("lock", LOCKS)


def text(lock: str) -> str:
    return (CHECKOUT / lock).read_text("utf-8")


def versions(lock: str) -> dict[str, set[str]]:
    """The versions of each library: more than one if Python versions need different ones."""
    found: dict[str, set[str]] = {}
    for entry in _ENTRY.finditer(text(lock)):
        found.setdefault(canonicalize_name(entry["name"]), set()).add(entry["version"])
    return found


def wanted(lock: str) -> list[Requirement]:
    """The requirements that a lock pins, of the service, of development or of the generators."""
    if lock == f"{CLIENTS}/requirements.txt":
        lines = text(f"{CLIENTS}/requirements.in").splitlines()
        return [Requirement(line) for line in lines if not line.startswith("#")]
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg", "utf-8")
    lines = setup["options"]["install_requires"].splitlines()
    if lock == "requirements-dev.txt":
        for extra in setup["options.extras_require"].values():
            lines += extra.splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return [each for each in requirements if each.name != setup["metadata"]["name"]]


@every_lock
def test_what_is_asked_for_is_pinned(lock: str) -> None:
    pinned = versions(lock)
    for requirement in wanted(lock):
        found = pinned[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in found), requirement


@every_lock
def test_every_version_has_hashes_and_no_line_is_anything_else(lock: str) -> None:
    entries = 0
    hashes = 1
    for line in text(lock).splitlines():
        if _HASH.match(line):
            hashes += 1
        elif not line.startswith("#"):
            assert _ENTRY.match(line), line
            assert line.endswith(" \\"), line
            assert hashes > 0, f"no hash before {line}"
            entries, hashes = entries + 1, 0
    assert entries == sum(map(len, versions(lock).values())) > 10
    assert hashes > 0


@every_lock
def test_no_index_is_named(lock: str) -> None:
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted| @ ", text(lock))


def test_npm_packages_are_pinned_by_hash_and_name_no_registry() -> None:
    asked = json.loads(text(f"{CLIENTS}/package.json"))["dependencies"]
    root, *packages = json.loads(text(f"{CLIENTS}/package-lock.json"))["packages"].values()

    assert root["dependencies"] == asked
    assert all(each["integrity"].startswith("sha512-") for each in packages)
    assert not any("resolved" in each for each in packages)


def test_tests_run_with_what_is_deployed() -> None:
    development = versions("requirements-dev.txt")
    for name, pinned in versions("requirements.txt").items():
        assert development[name] == pinned
