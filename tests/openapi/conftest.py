"""The service in this process, and the local stack as `make run` starts it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.api.conftest import Way, shared_api, shared_connection, shared_url
from tests.local.conftest import RunningStack, no_proxy
from tests.support import programs

__all__ = ["no_proxy", "shared_api", "shared_connection", "shared_url"]

#: Root may not use the sandbox; the others keep Chromium from asking its makers for anything.
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
    # Any other host than this one is unknown.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="session")
def way() -> Way:
    """Straight into the service."""
    return lambda settings: settings


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    stack = RunningStack(tmp_path_factory.mktemp("stack"))
    yield stack
    stack.stop()


@pytest.fixture(scope="package")
def token(stack: RunningStack) -> str:
    """Of the writer of the stack, as it stands in its file."""
    header = Path(stack.directory / "authorization").read_text()
    return header.removeprefix("Authorization: Bearer ").strip()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One for each module: what the pages of another said in the console is not read."""
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
