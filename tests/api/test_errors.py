"""Errors that concern no field (paths, methods), and properties common to all errors."""

import re
import time
from typing import Any

import psycopg
import pytest

from dreamlake_assets import deadlines, errors
from tests.conftest import STRANGER
from tests.support.api import Api, problem


@pytest.mark.every_way
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nope",
        "/assets/",
        "/assets/picture",
        "/assets/Video",
        "/assets/videos",
        "/assets/my-audio",
        "/assets/video/x",
        "/assets/video/download/x",
        "/assets/picture/download",
        "/assets//video",
        "//assets/video",
        "/assets/video/",
        "/assets/video/?namespace=x",
        "/assets%2Fvideo",
        "/assets/video%2f",
        "/readyz/",
        "//livez",
        "/docs/",
        "/openapi.json/",
        "/metrics/",
        "//metrics/",
        "/metrics%2f",
        "/assets/label_track",
        "/auth",
        "/static/x",
        "/%F0%9F%8E%AC",
        "/%ff",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_address_is_not_found(shared_api: Api, method: str, path: str) -> None:
    response = shared_api.ask(f"http://localhost{path}", method)

    assert response.status_code == 404
    assert problem(response) == {
        "error": "This path does not exist: no path ends in a slash, and ids are UUIDs; see /docs.",
        "code": "not_found",
    }


# Not through nginx: it rejects a NUL itself (tests/deploy/test_nginx.py).
def test_a_nul_in_an_address_is_not_found(shared_api: Api) -> None:
    for path in ("/assets/%00", "/assets/video/%00"):
        assert shared_api.ask(path).json["code"] == "not_found"


@pytest.mark.every_way
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/assets/video", "GET, HEAD, OPTIONS, POST"),
        ("/assets/image", "GET, HEAD, OPTIONS, POST"),
        ("/assets/video/download", "GET, HEAD, OPTIONS"),
        ("/auth/me", "GET, HEAD, OPTIONS"),
        ("/livez", "GET, HEAD, OPTIONS"),
        ("/readyz", "GET, HEAD, OPTIONS"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "NONSENSE"])
def test_a_method_that_is_not_allowed(
    shared_api: Api, method: str, path: str, allowed: str
) -> None:
    response = shared_api.ask(path, method)

    assert response.status_code == 405
    assert response.headers["Allow"] == allowed
    assert problem(response) == {
        "error": "This method is not allowed here.",
        "code": "method_not_allowed",
    }


@pytest.mark.every_way
@pytest.mark.parametrize("path", ["/livez", "/nope", "/assets/video"])
@pytest.mark.parametrize(
    "given", ["a", "0123-abc_DEF.x:y", "x" * 128, "01970000-0000-7000-8000-000000000003"]
)
def test_a_request_id_is_taken_over(shared_api: Api, path: str, given: str) -> None:
    response = shared_api.ask(path, headers={"X-Request-Id": given})

    assert response.headers["X-Request-Id"] == given
    if response.status_code != 200:
        assert response.json["requestId"] == given


@pytest.mark.every_way
@pytest.mark.parametrize("given", [None, "", " ", "a b", "x" * 129, "é", "a\tb", '"', "<script>"])
def test_a_request_id_is_made_where_none_will_do(shared_api: Api, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-Id": given}
    first, second = (shared_api.ask("/nope", headers=headers) for _ in range(2))

    for response in (first, second):
        assert re.fullmatch("[0-9a-f]{32}", response.json["requestId"])
        assert response.json["requestId"] == response.headers["X-Request-Id"]
    assert first.json["requestId"] != second.json["requestId"]


@pytest.mark.every_way
def test_every_answer_has_a_request_id(shared_api: Api) -> None:
    for response in (shared_api.register(), shared_api.listing(), shared_api.get("/auth/me")):
        assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-Id"])


@pytest.mark.every_way
def test_errors_are_json(shared_api: Api) -> None:
    for response in (
        shared_api.ask("/nope"),
        shared_api.ask("/auth/me"),
        shared_api.ask("/livez", "PUT"),
        shared_api.listing(limit=0),
        shared_api.listing(subject=STRANGER),
        shared_api.send("{"),
    ):
        assert response.content_type == "application/json"
        assert set(response.json) - {"fields"} == {"error", "code", "requestId"}


@pytest.mark.every_way
def test_what_nobody_expected_is_a_500_that_says_nothing_of_the_inside(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    api.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    api.client.application.add_url_rule("/assets/broken", view_func=lambda: str(1 // 0))

    response = api.ask("/assets/broken")

    assert response.status_code == 500
    assert problem(response) == {
        "error": "The service failed unexpectedly; its log has the details under this request id.",
        "code": "internal_error",
    }
    assert response.json["requestId"] in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_a_listener_that_fails_is_logged_and_the_next_one_hears(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    observer: Any = api.client.application.wsgi_app
    heard: list[object] = []
    observer.listeners[:] = [lambda _: 1 // 0, heard.append]

    response = api.ask("/livez")
    response.close()

    assert (response.status_code, len(heard)) == (200, 1)
    request_id = response.headers["X-Request-Id"]
    assert f"a listener failed for request {request_id}" in caplog.text


@pytest.mark.every_way
def test_a_lock_that_another_session_holds_is_waited_for_until_the_lock_timeout(
    api: Api, connection: psycopg.Connection
) -> None:
    # Opens the connection before the lock: opening one prepares statements on the table.
    assert api.register(name="/a").status_code == 201
    with connection.transaction():
        connection.execute("LOCK TABLE asset")
        begun = time.monotonic()
        response = api.register(name="/a")
        waited = time.monotonic() - begun

    assert response.status_code == 503
    assert response.headers["Retry-After"].isdecimal()
    assert problem(response) == {
        "error": "The database did not answer in time; try again.",
        "code": "database_timeout",
    }
    assert deadlines.LOCK <= waited < deadlines.STATEMENT
    assert api.register(name="/a").status_code == 201


def test_every_code_is_another() -> None:
    codes = [error.code for error in errors.catalogue()]

    assert len(codes) == len(set(codes))
    assert all(re.fullmatch("[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("error", errors.catalogue(), ids=lambda error: error.__name__)
def test_every_error_has_a_sentence_and_a_status(error: type[errors.AssetsError]) -> None:
    assert 400 <= error.status < 600
    sentence = error.sentence()
    assert re.fullmatch(r"[A-Z].{10,}\.", sentence)
    assert str(error()) == sentence


def test_the_catalogue_holds_every_code() -> None:
    def below(error: type[errors.AssetsError]) -> set[str]:
        return {error.code}.union(*(below(each) for each in error.__subclasses__()))

    assert {error.code for error in errors.catalogue()} == below(errors.AssetsError)
