"""Fixtures: pages in a browser, the service in this process, and the stack of `make run`."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import (
    element_to_be_clickable,
    visibility_of_element_located,
)
from selenium.webdriver.support.wait import WebDriverWait

from tests.api.conftest import Way, shared_api, shared_connection, shared_url
from tests.local.conftest import RunningStack, no_proxy
from tests.support import programs

__all__ = ["no_proxy", "shared_api", "shared_connection", "shared_url"]

SECONDS = 30

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


class Page:
    """A page, open in a browser."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        # A page replaces elements between the commands of a test.
        ignored = [StaleElementReferenceException]
        self.until = WebDriverWait(driver, SECONDS, ignored_exceptions=ignored).until

    def find(self, selector: str) -> WebElement:
        """Wait until an element is visible, and return it."""
        return self.until(visibility_of_element_located((By.CSS_SELECTOR, selector)))

    def click(self, selector: str) -> None:
        """Click an element, again while the layout still moves another one in front of it."""
        target = element_to_be_clickable((By.CSS_SELECTOR, selector))

        def clicked(driver: webdriver.Chrome) -> bool:
            element = target(driver)
            if not element:
                return False
            try:
                element.click()
            except ElementClickInterceptedException:
                return False
            return True

        self.until(clicked)

    def complaints(self) -> list[str]:
        """The console messages, such as missing files and blocked scripts."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


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
