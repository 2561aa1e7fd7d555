"""The page at /browse, used like a person does, in Chromium and without the internet."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import dreamlake_assets
from dreamlake_assets.model.kinds import KINDS
from tests.local.conftest import RunningStack
from tests.openapi.conftest import Page
from tests.support.api import Api

FILES = Path(dreamlake_assets.__file__).parent / "documentation"

MAXIMUM_LINES = 400

HOSTILE = '<img src=x onerror="window.hacked = 1">'


class Browse(Page):
    """The page at /browse."""

    def give(self, token: str) -> None:
        """Paste a token."""
        self.find("#token").send_keys(token, Keys.ENTER)

    def go(self, fragment: str) -> None:
        """Follow a link that somebody shared."""
        self.driver.execute_script("location.hash = arguments[0]", fragment)  # type: ignore[no-untyped-call]

    def follow(self, section: str, text: str) -> None:
        """Wait for a link that begins with a text, and press Enter on it."""

        def followed(driver: webdriver.Chrome) -> bool:
            links = driver.find_elements(By.CSS_SELECTOR, f"{section} a")
            found = [each for each in links if str(each.get_property("text")).startswith(text)]
            for each in found:
                each.send_keys(Keys.ENTER)
            return bool(found)

        self.until(followed)

    def lists(self, section: str, status: str, *last: str) -> None:
        """Wait until a section has a status, and ends with some names."""
        self.until(lambda _: self.find(f"{section} [role=status]").text == status)
        script = "return [...document.querySelectorAll(arguments[0])].map((each) => each.innerText)"
        self.until(
            lambda driver: (
                driver.execute_script(script, f"{section} .items a")[-len(last) :] == [*last]
            )
        )

    def loaded(self, tag: str, value: str) -> bool:
        """Wait until a property of the preview is true."""
        script = f"return document.querySelector('article {tag}')?.{value}"
        return self.until(lambda driver: driver.execute_script(script))

    @property
    def fragment(self) -> str:
        """The place in the URL."""
        return unquote(self.driver.current_url.partition("#")[2]).replace("+", " ")

    @property
    def focus(self) -> str:
        """The text of the element with the focus."""
        return self.driver.switch_to.active_element.text


@pytest.fixture(scope="module")
def url(stack: RunningStack, token: str) -> str:
    """URL of the page, in front of an episode with an asset of each kind, and some more."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"

        def register(kind: str, **body: Any) -> None:
            place = {"namespace": "testuser", "project": "look-around", "episodeName": "2026/run-1"}
            session.post(f"{stack.url}/assets/{kind}", json=place | body).raise_for_status()

        for kind in KINDS.values():
            register(kind.name, **kind.sample)
        numbers = {"serial": 12345678901234567890, "weight": 2.5, "note": HOSTILE}
        register("video", name=f"/{HOSTILE}/[x]*.mp4", metadata=numbers)
        register("video", name="/[x]y/other.mp4", bssVideoId="sample-video")
        register("video", name="/camera/top.mp4", bssVideoId="sample-video")
        register("image", bssImageId="sample-image")
        for number in range(101):
            register("file", name=f"/many/{number:03}", episodeName="2026/run-2")
    return f"{stack.url}/browse"


@pytest.fixture
def page(url: str, driver: webdriver.Chrome) -> Browse:
    driver.get(url)
    driver.execute_script("sessionStorage.clear()")  # type: ignore[no-untyped-call]
    driver.get("about:blank")
    driver.get(url)
    return Browse(driver)


def test_a_person_walks_from_a_token_to_a_video_and_back(page: Browse, token: str) -> None:
    page.give("wrong")
    page.until(lambda _: page.find("#problem").text.startswith("The token"))
    page.give(f"Authorization: Bearer {token}")
    page.follow("#projects", "look-around")
    page.lists("#episodes", "2 episodes", "2026/run-1", "2026/run-2")
    page.follow("#episodes", "2026/run-1")
    page.follow("#folders", "camera")
    page.lists("#assets", "2 assets", "front.png", "top.mp4")
    page.follow("#folders", "front")
    page.until(lambda _: page.focus == "front")
    page.follow("#assets", "run01.mp4")

    page.until(lambda _: page.focus == "/camera/front/run01.mp4")
    player = page.find("article video")
    page.driver.execute_script("arguments[0].muted = true; arguments[0].play()", player)  # type: ignore[no-untyped-call]
    page.loaded("video", "currentTime > 0")
    assert "fps\n30\n" in page.find("article dl").text
    assert token not in page.driver.current_url

    page.driver.refresh()
    page.find("article video")
    page.driver.back()
    page.until(lambda _: page.focus == "run01.mp4")
    assert not page.driver.find_element(By.CSS_SELECTOR, "article").is_displayed()
    page.driver.back()
    page.lists("#assets", "2 assets", "front.png", "top.mp4")
    assert page.fragment.endswith("episode=2026/run-1&folder=/camera")

    page.click("#identity button")
    page.find("#token")
    assert page.driver.find_elements(By.CSS_SELECTOR, ".items a") == []
    assert [each for each in page.complaints() if "401" not in each] == []


def test_it_shows_each_kind(page: Browse, url: str, token: str) -> None:
    page.go("namespace=testuser&project=look-around&episode=2026/run-1&glob=**")
    page.give(token)

    page.follow("#assets", "camera/front.png")
    page.loaded("img", "naturalWidth > 0")
    page.follow("#assets", "microphone/front.wav")
    page.loaded("audio", "duration > 1")
    page.follow("#assets", "(no name)")
    page.loaded("img", "naturalWidth > 0")
    page.follow("#assets", "subtitles/english.vtt")
    page.loaded("pre", "innerText.startsWith('WEBVTT')")
    page.follow("#assets", "detections/boxes.jsonl")
    page.until(lambda _: "The file continues." in page.find("article").text)
    assert len(page.find("article pre").text.splitlines()) == 40
    page.follow("#assets", "calibration/front.json")
    page.until(lambda _: page.find("article p").text == "Download Close")

    # A browser does not tell a page whether a rule or the network refused.
    for method, parameters in (("enable", {}), ("setBlockedURLs", {"urls": ["*/dreamlake/*"]})):
        page.driver.execute_cdp_cmd(f"Network.{method}", parameters)
    page.follow("#assets", "subtitles/english.vtt")
    page.until(lambda _: "CORS rule that allows GET from http://127" in page.find("article").text)
    page.driver.execute_cdp_cmd("Network.disable", {})
    assert [each for each in page.complaints() if "ERR_BLOCKED_BY_CLIENT" not in each] == []


def test_it_filters_and_loads_page_by_page(page: Browse, token: str) -> None:
    page.go("namespace=testuser&project=look-around&kind=file&folder=/many")
    page.give(token)
    page.lists("#assets", "100 assets; there are more", "098", "099")

    page.find("#assets > button").send_keys(Keys.ENTER)
    page.lists("#assets", "101 assets", "099", "100")
    assert page.focus == "100"
    page.find("[name=glob]").send_keys("*[13]7", Keys.ENTER)
    page.lists("#assets", "2 assets", "017", "037")
    page.find("[name=episodes]").send_keys("*/*-1", Keys.ENTER)
    page.lists("#episodes", "1 episode", "2026/run-1")
    assert page.fragment.endswith("folder=/many&glob=*[13]7&episodes=*/*-1")
    page.find("[name=kind]").send_keys("video", Keys.TAB, Keys.ENTER)
    page.lists("#assets", "No assets")
    page.find("[name=glob]").send_keys("[", Keys.ENTER)
    page.until(lambda _: "not closed" in page.find("#problem").text)


def test_a_text_is_a_text(page: Browse, token: str) -> None:
    page.go("namespace=testuser&project=look-around&episode=2026/run-1")
    page.give(token)

    page.follow("#folders", HOSTILE)
    page.follow("#assets", "[x]*.mp4")
    page.until(lambda _: '"serial": 12345678901234567890' in page.find("article dl").text)
    page.until(lambda _: "has no BSS record" in page.find("article").text)
    assert HOSTILE.replace('"', '\\"') in page.find("article dl").text
    script = """
        try { document.body.innerHTML = "<b>"; } catch (error) {
            return [error.name, window.hacked, document.querySelector("[src=x]")];
        }
    """
    assert page.driver.execute_script(script) == ["TypeError", None, None]  # type: ignore[no-untyped-call]

    page.go("namespace=testuser&project=look-around&folder=/[x]y")
    page.lists("#assets", "1 asset", "other.mp4")


@pytest.mark.parametrize(("scheme", "files"), [("https", "https:"), ("http", "http: https:")])
def test_its_policy(shared_api: Api, scheme: str, files: str) -> None:
    page = shared_api.ask("/browse", base_url=f"{scheme}://127.0.0.1")

    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert page.headers["Content-Security-Policy"].split("; ") == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        f"img-src 'self' {files}",
        f"media-src {files}",
        f"connect-src 'self' {files}",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]


def test_it_has_every_kind() -> None:
    options = re.findall("<option>([a-z-]+)", (FILES / "browse.html").read_text())
    assert sorted(options) == sorted(KINDS)


def test_it_is_small() -> None:
    files = list(FILES.glob("browse.*"))
    assert sorted(each.suffix for each in files) == [".css", ".html", ".js"]
    assert sum(len(each.read_text().splitlines()) for each in files) <= MAXIMUM_LINES
