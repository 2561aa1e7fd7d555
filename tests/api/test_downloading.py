"""GET /assets/<kind>/download, with a BSS that fails, hangs or sends bad responses."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from uuid import uuid4

import psycopg
import pytest

from dreamlake_assets.config import Settings
from dreamlake_assets.local.processes import free_port
from dreamlake_assets.model import ids
from dreamlake_assets.model.kinds import KINDS
from tests.conftest import READER, headers_of
from tests.support.api import LEFT_OUT, Api, problem, serving
from tests.support.http import HttpServer, answer
from tests.support.waiting import until

KIND_NAMES = list(KINDS)
LOCATION = (
    "https://s3.example/bucket/key?X-Amz-Date=20260414T093000Z&X-Amz-Expires=900"
    "&X-Amz-Signature=a%2Fb&n=1"
)
EXPIRES = "2026-04-14T09:45:00.000Z"
TIMEOUT_SECONDS = 0.5


@pytest.fixture
def bss() -> Iterator[HttpServer]:
    with HttpServer(answer(302, {"Location": LOCATION})) as server:
        yield server


@pytest.fixture
def settings(settings: Settings, bss: HttpServer) -> Settings:
    return replace(settings, bss_url=bss.url, bss_timeout=TIMEOUT_SECONDS)


@pytest.fixture
def stored(api: Api) -> Api:
    """A registered video of BSS at /camera/front/run01.mp4."""
    api.register(name="/camera/front/run01.mp4", bssVideoId="a1b2c3")
    return api


@contextmanager
def clock_off_by(seconds: int) -> Iterator[None]:
    """Create ids by a clock that is ahead, or behind if ``seconds`` is negative."""
    clock = SimpleNamespace(time_ns=lambda: time.time_ns() + seconds * 1_000_000_000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "time", clock)
        yield


def refused(api: Api, code: str, sentence: str) -> None:
    response = api.download(path="/camera/front/run01.mp4")
    assert response.status_code == 502, response.text
    assert problem(response) == {
        "error": f"BSS did not return a presigned URL: {sentence}",
        "code": code,
    }


@pytest.mark.every_way
@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize("subject", ["test-001", READER], ids=["writer", "reader"])
def test_the_answer_is_where_bss_redirects_to(
    api: Api, bss: HttpServer, kind: str, subject: str
) -> None:
    api.register(kind, name="/camera/front/run01.bin", **{KINDS[kind].bss_field: "a1b2c3"})

    response = api.download(kind, path="/camera/front/run01.bin", subject=subject)

    assert response.status_code == 200
    assert response.json == {"url": LOCATION, "filename": "run01.bin", "expiresAt": EXPIRES}
    route = {"label-track": "labels", "text-track": "text-tracks"}
    route |= {"video": "videos", "file": "files"}
    [request] = bss.received
    assert (request.method, request.path) == ("GET", f"/{route.get(kind, kind)}/a1b2c3/raw")
    # The client's token is for this service, not for BSS.
    assert "Authorization" not in request.headers


@pytest.mark.every_way
def test_bss_is_told_the_id_of_the_request(stored: Api, bss: HttpServer) -> None:
    response = stored.download(path="/camera/front/run01.mp4")

    [request] = bss.received
    assert request.headers["X-Request-Id"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["camera/front/run01.mp4", "//camera//front/run01.mp4"])
def test_a_path_is_normalised(stored: Api, path: str) -> None:
    assert stored.download(path=path).json == {
        "url": LOCATION,
        "filename": "run01.mp4",
        "expiresAt": EXPIRES,
    }


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_every_redirect_will_do(stored: Api, bss: HttpServer, status: int) -> None:
    bss.answer = answer(status, {"Location": "http://127.0.0.1:1/key"})

    assert stored.download(path="/camera/front/run01.mp4").json["url"] == "http://127.0.0.1:1/key"


@pytest.mark.parametrize(
    ("bss_id", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a?b=c&d#e", "a%3Fb%3Dc%26d%23e"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("a b+c", "a%20b%2Bc"),
        ("a;b:c@d,e", "a%3Bb%3Ac%40d%2Ce"),
        ("a\\b", "a%5Cb"),
        ("é🎬", "%C3%A9%F0%9F%8E%AC"),
        ("...", "..."),
        ("~a_b-c.d", "~a_b-c.d"),
    ],
)
def test_an_id_is_one_segment_of_the_path(
    api: Api, bss: HttpServer, bss_id: str, segment: str
) -> None:
    api.register(name="/a", bssVideoId=bss_id)

    assert api.download(path="/a").status_code == 200
    assert [request.path for request in bss.received] == [f"/videos/{segment}/raw"]


def test_the_newest_of_several_is_downloaded(api: Api, bss: HttpServer) -> None:
    for bss_id in ("first", "second", "third"):
        api.register(name="/a", bssVideoId=bss_id)
    api.register("audio", name="/a", bssAudioId="other")

    api.download(path="/a")

    assert [request.path for request in bss.received] == ["/videos/third/raw"]


@pytest.mark.parametrize("episode", [LEFT_OUT, "run-042"], ids=["project", "episode"])
@pytest.mark.parametrize("seconds", [-2, 2])
def test_the_newest_is_the_one_registered_last_whatever_the_clocks_say(
    *, api: Api, bss: HttpServer, settings: Settings, seconds: int, episode: object
) -> None:
    """Two services register in turn; the clock of one is behind or ahead."""
    with serving(settings) as app:
        other = Api(app.test_client(), headers_of(settings))
        for number in range(4):
            bss_id = f"{number}"
            if number % 2:
                with clock_off_by(seconds):
                    other.register(name="/a", bssVideoId=bss_id, episodeName=episode)
            else:
                api.register(name="/a", bssVideoId=bss_id, episodeName=episode)

            assert api.download(path="/a", episode=episode).status_code == 200
            assert bss.received[-1].path == f"/videos/{bss_id}/raw"
            listed = api.listing(episode=episode).json
            [newest] = [item for item in listed if item["bssVideoId"] == bss_id]
            assert newest["createdAt"] == max(item["createdAt"] for item in listed)


def test_the_newest_is_the_one_registered_last_although_a_clock_steps_back(
    api: Api, bss: HttpServer
) -> None:
    for seconds in (0, -1, -60):
        with clock_off_by(seconds):
            api.register(name="/a", bssVideoId=f"at{seconds}", idempotency_key=f"{seconds}")

        api.download(path="/a")
        assert bss.received[-1].path == f"/videos/at{seconds}/raw"


def test_of_assets_registered_in_the_same_microsecond_the_greatest_id_is_the_newest(
    api: Api, bss: HttpServer, connection: psycopg.Connection
) -> None:
    with clock_off_by(1):
        greatest = api.register(name="/a", bssVideoId="greatest").json["id"]
    assert api.register(name="/a", bssVideoId="other").json["id"] < greatest
    connection.execute("UPDATE asset SET created_at = '2026-04-14T00:00:00Z'")

    api.download(path="/a")

    assert [request.path for request in bss.received] == ["/videos/greatest/raw"]


@pytest.mark.every_way
def test_an_episode_is_a_filter(api: Api, bss: HttpServer) -> None:
    inside = api.register(name="/a", bssVideoId="inside", episodeName="run-042").json
    api.register(name="/a", bssVideoId="beside")

    api.download(path="/a", episode="run-042")
    api.download(path="/a", episodeId=inside["episodeId"])
    api.download(path="/a", episode="")

    paths = [request.path for request in bss.received]
    assert paths == ["/videos/inside/raw", "/videos/inside/raw", "/videos/beside/raw"]


@pytest.mark.every_way
@pytest.mark.parametrize("kind", KIND_NAMES)
def test_what_does_not_exist_is_not_found(api: Api, bss: HttpServer, kind: str) -> None:
    api.register(kind, name="/a", episodeName="run-042")
    elsewhere = api.register(kind, project="other", name="/a", episodeName="else").json
    for query, code, sentence in (
        ({"project": "nowhere"}, "project_not_found", "Project not found."),
        ({"episode": "else"}, "episode_not_found", "Episode not found."),
        ({"episodeId": elsewhere["episodeId"]}, "episode_not_found", "Episode not found."),
        ({"episodeId": str(uuid4())}, "episode_not_found", "Episode not found."),
        ({"path": "/A"}, "asset_not_found", "Asset not found."),
        ({"path": "/b", "episode": "run-042"}, "asset_not_found", "Asset not found."),
        ({}, "bss_record_missing", "Asset has no BSS record."),
        ({"episode": "run-042"}, "bss_record_missing", "Asset has no BSS record."),
    ):
        response = api.download(kind, **{"path": "/a", **query})

        assert response.status_code == 404
        assert problem(response) == {"error": sentence, "code": code}
    assert bss.received == []


@pytest.mark.parametrize("status", [200, 204, 300, 304, 400, 401, 404, 429, 500, 503])
def test_no_redirect(stored: Api, bss: HttpServer, status: int) -> None:
    bss.answer = answer(status, {"Location": LOCATION})

    refused(stored, "bss_no_redirect", "it did not answer with a redirect.")


@pytest.mark.parametrize("location", [{}, {"Location": ""}], ids=["missing", "empty"])
def test_no_location(stored: Api, bss: HttpServer, location: dict[str, str]) -> None:
    bss.answer = answer(302, location)

    refused(stored, "bss_no_location", "its redirect has no Location.")


@pytest.mark.parametrize(
    "location",
    [
        "ftp://s3.example/key",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "/relative",
        "relative",
        "//s3.example/key",
        "http://",
        "http:///key",
        "http://[",
        "http://[::1",
        "https://s3.example:port/key",
    ],
)
def test_a_bad_location(stored: Api, bss: HttpServer, location: str) -> None:
    bss.answer = answer(302, {"Location": location})

    refused(stored, "bss_bad_location", "its Location is not http or https.")


def test_what_is_no_http(stored: Api, bss: HttpServer) -> None:
    def shout(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\x00\xff NOT HTTP \r\n\r\n" * 10)
        handler.close_connection = True

    bss.answer = shout

    refused(stored, "bss_unreachable", "it cannot be reached.")


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def test_a_connection_that_is_closed_without_an_answer(stored: Api, bss: HttpServer) -> None:
    bss.answer = hang_up

    refused(stored, "bss_unreachable", "it cannot be reached.")


@pytest.mark.every_way
def test_every_failure_of_bss_has_a_code(stored: Api, bss: HttpServer) -> None:
    for reply, code in (
        (hang_up, "bss_unreachable"),
        (answer(200), "bss_no_redirect"),
        (answer(302), "bss_no_location"),
        (answer(302, {"Location": "/relative"}), "bss_bad_location"),
    ):
        bss.answer = reply
        response = stored.download(path="/camera/front/run01.mp4")

        assert (response.status_code, problem(response)["code"]) == (502, code)


class TestRefusing:
    """No server listens at the URL of BSS."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, bss_url=f"http://127.0.0.1:{free_port()}")

    def test_is_a_bad_gateway(self, stored: Api) -> None:
        refused(stored, "bss_unreachable", "it cannot be reached.")


@pytest.mark.every_way
def test_timing_out(stored: Api, bss: HttpServer) -> None:
    over = threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        over.wait(10)

    bss.answer = hang
    begun = time.monotonic()

    refused(stored, "bss_timeout", "it did not answer in time.")

    assert TIMEOUT_SECONDS <= time.monotonic() - begun < TIMEOUT_SECONDS + 1
    over.set()


@pytest.mark.parametrize("status", [200, 302])
def test_a_large_body_is_not_read(stored: Api, bss: HttpServer, status: int) -> None:
    written = 0
    cut_off = threading.Event()

    def flood(handler: BaseHTTPRequestHandler) -> None:
        nonlocal written
        handler.send_response(status)
        handler.send_header("Location", LOCATION)
        handler.send_header("Content-Length", str(2**40))
        handler.end_headers()
        handler.close_connection = True
        try:
            # Finite, so that a service that reads the body does not read for ever.
            for _ in range(500):
                written += handler.wfile.write(bytes(2**20))
        except OSError:
            cut_off.set()

    bss.answer = flood

    response = stored.download(path="/camera/front/run01.mp4")

    assert response.status_code == (200 if status == 302 else 502)
    assert cut_off.wait(5)
    assert written < 50 * 2**20


class TestToken:
    """BSS requires its own token."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, bss_token="token-of-bss")

    def test_is_passed_on(self, stored: Api, bss: HttpServer) -> None:
        stored.download(path="/camera/front/run01.mp4")

        assert bss.received[0].headers["Authorization"] == "Bearer token-of-bss"


@pytest.mark.every_way
class TestWaiting:
    """A worker with one thread has one connection to the database and one place to wait for BSS."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, threads=1, bss_timeout=10.0)

    @pytest.fixture
    def release(self, bss: HttpServer) -> Iterator[threading.Event]:
        """BSS does not answer until this is set."""
        release, redirect = threading.Event(), bss.answer

        def hesitate(handler: BaseHTTPRequestHandler) -> None:
            release.wait(10)
            redirect(handler)

        bss.answer = hesitate
        yield release
        release.set()

    def test_holds_no_connection_and_no_more_than_its_places(
        self, stored: Api, bss: HttpServer, release: threading.Event
    ) -> None:
        path = "/camera/front/run01.mp4"
        with ThreadPoolExecutor(1) as executor:
            waiting = executor.submit(stored.with_client_of_its_own().download, path=path)
            until(lambda: len(bss.received) == 1)
            begun = time.monotonic()

            assert stored.names(limit=10) == stored.names() == [path]
            assert stored.register(name="/b").status_code == 201
            overloaded = stored.download(path=path)

            assert time.monotonic() - begun < 5
            assert not waiting.done()
            release.set()
            assert waiting.result().json == {
                "url": LOCATION,
                "filename": "run01.mp4",
                "expiresAt": EXPIRES,
            }

        assert overloaded.status_code == 503
        assert overloaded.headers["Retry-After"].isdecimal()
        assert problem(overloaded) == {
            "error": "Too many downloads wait for BSS; try again soon.",
            "code": "overloaded",
        }
        assert stored.download(path=path).status_code == 200
