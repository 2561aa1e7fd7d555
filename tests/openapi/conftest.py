"""Fixtures: the service in this process, and the local stack as started by `make run`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.api.conftest import Way, shared_api, shared_connection, shared_url
from tests.local.conftest import RunningStack, no_proxy
from tests.support import programs

__all__ = ["no_proxy", "shared_api", "shared_connection", "shared_url"]

#: Root cannot use the sandbox. Most others stop Chromium's requests to its vendor.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1400",
    # Only this host resolves.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="session")
def way() -> Way:
    """Call the service directly."""
    return lambda settings: settings


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    stack = RunningStack(tmp_path_factory.mktemp("stack"))
    yield stack
    stack.stop()


@pytest.fixture(scope="package")
def token(stack: RunningStack) -> str:
    """The token of the stack's writer, read from its file."""
    header = Path(stack.directory / "authorization").read_text()
    return header.removeprefix("Authorization: Bearer ").strip()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser per module, so that console messages of other modules are not read."""
    home = tmp_path_factory.mktemp("chromium")
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs.program("chromium"))
    for option in (*OPTIONS, f"--user-data-dir={home / 'profile'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    environment = {**programs.environment(), "HOME": str(home)}
    service = Service(str(programs.program("chromedriver")), env=environment)
    with webdriver.Chrome(options=options, service=service) as driver:
        yield driver
