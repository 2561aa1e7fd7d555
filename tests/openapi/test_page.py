"""The documentation page, used like a person does, in Chromium and without the internet."""

import json
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from werkzeug.wrappers import response

from dreamlake_assets import errors
from tests.local.conftest import RunningStack
from tests.openapi.conftest import Page
from tests.support.api import Api
from tests.support.openapi import document


class Docs(Page):
    """The page at /docs."""

    def authorize(self, token: str) -> None:
        """Paste a token."""
        self.click(".auth-wrapper > .authorize")
        self.find(".auth-container input").send_keys(token)
        self.click(".auth-btn-wrapper .authorize")
        self.click(".auth-btn-wrapper .btn-done")

    def call(self, operation: str) -> tuple[str, str]:
        """Try an operation with its examples, and return the status and body shown."""
        if "is-open" not in str(self.find(f"[id$={operation}]").get_attribute("class")):
            self.click(f"[id$={operation}] .opblock-summary-control")
        self.click(f"[id$={operation}] .execute")
        answer = f"[id$={operation}] .live-responses-table .response"
        status = self.find(f"{answer} .response-col_status").text.split()[0]
        return status, self.find(f"{answer} .highlight-code code").text


@pytest.fixture
def page(stack: RunningStack, driver: webdriver.Chrome) -> Docs:
    driver.get("about:blank")
    driver.get(f"{stack.url}/docs")
    return Docs(driver)


def test_a_person_pastes_a_token_and_tries_calls(page: Docs, token: str) -> None:
    assert page.call("identity-identity")[0] == "401"

    page.driver.refresh()
    page.authorize(token)

    status, body = page.call("identity-identity")
    assert (status, json.loads(body)["subject"]) == ("200", "test-001")
    status, body = page.call("registerVideo")
    registered = json.loads(body)
    assert (status, registered["name"]) == ("201", "/camera/front/run01.mp4")
    status, body = page.call("listVideos")
    assert status == "200"
    assert registered["id"] in [item["id"] for item in json.loads(body)]
    status, body = page.call("downloadVideo")
    assert (status, json.loads(body)["filename"]) == ("200", "run01.mp4")
    assert [each for each in page.complaints() if "401" not in each] == []


def test_it_shows_every_operation_and_every_code(page: Docs) -> None:
    page.click(".info summary")

    codes = page.find(".info details table").text
    for error in errors.catalogue():
        assert f"{error.status:d} {error.code} {error.sentence()}" in codes
    shown = page.driver.find_elements(By.CSS_SELECTOR, ".opblock")
    operations = [each for path in document()["paths"].values() for each in path]
    assert len(shown) == len(operations)
    assert page.complaints() == []


def test_its_policy_lets_it_ask_nobody_else(page: Docs) -> None:
    page.find(".info")

    refused = page.driver.execute_async_script(  # type: ignore[no-untyped-call]
        """
        const done = arguments[arguments.length - 1];
        document.addEventListener("securitypolicyviolation", (violation) =>
            done(violation.effectiveDirective));
        fetch("http://127.0.0.1:9/").catch(() => {});
        """
    )

    assert refused == "connect-src"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("page.css", "text/css"),
        ("page.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("favicon-32x32.png", "image/png"),
        ("upload_folder.py", "text/plain"),
    ],
)
def test_its_files_are_sent_once(shared_api: Api, name: str, kind: str) -> None:
    first = shared_api.ask(f"/docs/{name}")
    again = shared_api.ask(f"/docs/{name}", headers={"If-None-Match": first.headers["ETag"]})

    assert (first.status_code, first.mimetype) == (200, kind)
    assert first.data
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("name", ["index.html", "LICENSE", "..", "..%2fopenapi.py", "page.css/x"])
def test_nothing_else_is_a_file_of_it(shared_api: Api, name: str) -> None:
    assert shared_api.ask(f"/docs/{name}").status_code == 404


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/swagger-ui-bundle.js"])
def test_a_response_is_read_and_hashed_once(
    shared_api: Api, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    first = shared_api.ask(path)
    monkeypatch.setattr(Path, "read_bytes", fail)
    monkeypatch.setattr(response, "generate_etag", fail)
    again = shared_api.ask(path)

    assert again.status_code == 200
    assert (again.data, again.headers["ETag"]) == (first.data, first.headers["ETag"])
