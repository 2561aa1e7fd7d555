"""Response headers for browsers: security, caching and cross-origin access."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask, Response

from dreamlake_assets.config import Settings
from tests.conftest import headers_of
from tests.support.api import Answer, Api, serving
from tests.support.openapi import document

ORIGIN = "https://app.example.org"
ANOTHER = "http://localhost:3000"
STRANGE = "https://app.example.org.evil.example"

#: Documented headers that are for the browser itself, or that pages may always read.
FOR_BROWSERS = {"Vary", "Cache-Control", "X-Content-Type-Options", "Content-Security-Policy"}
FOR_BROWSERS |= {"Referrer-Policy"}

POLICY = "default-src 'none'; frame-ancestors 'none'"


@pytest.fixture
def open_api(settings: Settings, namespace: str) -> Iterator[Api]:
    """A service that allows requests from pages of two origins."""
    with serving(replace(settings, cors_origins=(ORIGIN, ANOTHER))) as app:
        yield Api(app.test_client(), headers_of(settings))


def told(answer: Answer) -> dict[str, list[str]]:
    """The CORS headers of a response, and ``Vary``."""
    names = [name for name, _ in answer.headers if name.startswith("Access-Control-")]
    return {name: answer.headers.getlist(name) for name in ["Vary", *names]}


@pytest.mark.every_way
@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/livez", "GET", 200),
        ("/livez", "OPTIONS", 200),
        ("/auth/me", "GET", 200),
        ("/auth/me", "DELETE", 405),
        ("/nowhere", "GET", 404),
        ("/assets/video", "GET", 400),
        ("/assets/video", "POST", 415),
    ],
)
def test_every_answer_asks_for_care(shared_api: Api, path: str, method: str, status: int) -> None:
    answer = shared_api.get(path, method=method)

    assert answer.status_code == status
    assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]
    assert answer.headers.getlist("Content-Security-Policy") == [POLICY]
    assert answer.headers.getlist("Referrer-Policy") == ["no-referrer"]
    assert answer.headers.getlist("Cache-Control") == ["no-store"]


@pytest.mark.every_way
def test_a_response_without_content_has_no_content_type(shared_api: Api) -> None:
    location = shared_api.register().location
    etag = shared_api.get(location).headers["ETag"]
    for answer in (
        shared_api.get("/livez", method="OPTIONS"),
        shared_api.get(location, method="OPTIONS"),
        shared_api.get(location, headers={"If-None-Match": etag}),
    ):
        assert answer.data == b""
        assert "Content-Type" not in answer.headers

    head = shared_api.get(location, method="HEAD")
    assert (head.data, head.mimetype) == (b"", "application/json")


def test_204_has_no_content_type(app: Flask) -> None:
    app.add_url_rule("/nothing", view_func=lambda: Response(status=204))

    answer = app.test_client().get("/nothing")

    assert (answer.status_code, answer.data) == (204, b"")
    assert "Content-Type" not in answer.headers


@pytest.mark.every_way
def test_a_route_may_say_something_else(shared_api: Api) -> None:
    for path in ("/docs", "/browse"):
        [policy] = shared_api.ask(path).headers.getlist("Content-Security-Policy")
        assert "script-src 'self'" in policy
    for path in ("/docs", "/docs/page.js", "/browse", "/docs/browse.js", "/openapi.json"):
        answer = shared_api.ask(path)
        assert answer.status_code == 200
        assert answer.headers.getlist("Cache-Control") == ["no-cache"]
        assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]

    location = shared_api.register().location
    one = shared_api.get(location)
    again = shared_api.get(location, headers={"If-None-Match": one.headers["ETag"]})
    for answer in (one, again):
        assert answer.headers.getlist("Cache-Control") == ["private, no-cache"]
        assert answer.headers.getlist("Content-Security-Policy") == [POLICY]


# Not through nginx: it sends "nginx" without a version (tests/deploy/test_nginx.py).
def test_no_version_is_told(shared_api: Api) -> None:
    assert "Server" not in shared_api.ask("/livez").headers


@pytest.mark.every_way
def test_by_default_no_other_origin_is_told_anything(api: Api) -> None:
    assert told(api.get("/auth/me", headers={"Origin": ORIGIN})) == {"Vary": []}


@pytest.mark.every_way
@pytest.mark.parametrize("origin", [ORIGIN, ANOTHER])
def test_a_known_origin_may_read_every_answer(open_api: Api, origin: str) -> None:
    location = open_api.register().location
    etag = open_api.get(location).headers["ETag"]
    for path, headers, status in (
        ("/auth/me", {}, 200),
        (location, {"If-None-Match": etag}, 304),
        (location, {"If-Match": '"x"'}, 412),
        ("/assets/video", {}, 400),
        ("/auth/me", {"Authorization": "Bearer x"}, 401),
        ("/assets/nowhere", {}, 404),
    ):
        answer = open_api.get(path, headers={"Origin": origin, **headers})

        assert answer.status_code == status
        said = told(answer)
        [exposed] = said.pop("Access-Control-Expose-Headers")
        assert said == {"Vary": ["Origin"], "Access-Control-Allow-Origin": [origin]}
        assert set(exposed.split(", ")) == document()["components"]["headers"].keys() - FOR_BROWSERS


@pytest.mark.parametrize(
    "origin", [None, "", "null", "*", STRANGE, ORIGIN.upper(), f"{ORIGIN}:443"]
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_others_may_not(open_api: Api, origin: str | None, method: str) -> None:
    headers = {} if origin is None else {"Origin": origin}

    answer = open_api.get("/auth/me", method=method, headers=headers)

    assert (answer.status_code, told(answer)) == (200, {"Vary": ["Origin"]})


@pytest.mark.every_way
def test_whether_it_may_ask_a_page_learns_without_a_token(open_api: Api) -> None:
    answer = open_api.ask(
        "/assets/video",
        "OPTIONS",
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
        },
    )

    assert (answer.status_code, answer.data) == (200, b"")
    said = told(answer)
    assert said["Access-Control-Allow-Origin"] == [ORIGIN]
    assert said["Access-Control-Allow-Methods"] == ["GET, HEAD, POST, PATCH, DELETE"]
    assert said["Access-Control-Max-Age"] == ["7200"]
    [taken] = said["Access-Control-Allow-Headers"]
    assert {
        *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"),
        *("traceparent", "tracestate", "baggage"),
    } <= set(taken.split(", "))
    assert "Access-Control-Allow-Credentials" not in said


def test_a_page_may_send_the_headers_of_a_setting(settings: Settings, namespace: str) -> None:
    given = replace(settings, cors_origins=(ORIGIN,), cors_headers=("sentry-trace", "X-Team"))
    with serving(given) as app:
        api = Api(app.test_client(), headers_of(settings))

        answer = api.ask("/assets/video", "OPTIONS", headers={"Origin": ORIGIN})

        [taken] = told(answer)["Access-Control-Allow-Headers"]
        assert {"Authorization", "traceparent", "sentry-trace", "X-Team"} <= set(taken.split(", "))
        strange = api.ask("/assets/video", "OPTIONS", headers={"Origin": STRANGE})
        assert "Access-Control-Allow-Headers" not in told(strange)
