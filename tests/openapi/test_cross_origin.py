"""Cross-origin requests in Chromium, which decides what a page may read."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, NamedTuple

import psycopg
import pytest
from selenium import webdriver

from tests.conftest import NAMESPACE, add_namespace, headers_of, settings_of
from tests.support.api import PROJECT, serving
from tests.support.gunicorn import worker_in_a_thread
from tests.support.http import HttpServer, answer

LIST = f"/assets/video?namespace={NAMESPACE}&project={PROJECT}&limit=1"
ASK = """
const [url, options, done] = arguments;
fetch(url, options).then(
    async (answer) => done({
        status: answer.status,
        body: await answer.text(),
        headers: Object.fromEntries(answer.headers),
    }),
    (error) => done({refused: String(error)}));
"""

Ask = Callable[..., dict[str, Any]]


class Service(NamedTuple):
    """The service, an origin that it allows, and one that it does not."""

    url: str
    headers: dict[str, str]
    known: str
    unknown: str


@pytest.fixture(scope="module")
def service(shared_url: str, shared_connection: psycopg.Connection) -> Iterator[Service]:
    add_namespace(shared_connection)
    settings = settings_of(shared_url)
    with ExitStack() as stack:
        known, unknown = (
            stack.enter_context(HttpServer(answer(200, {"Content-Type": "text/html"}, b"<p>")))
            for _ in range(2)
        )
        given = replace(settings, cors_origins=(known.url,), cors_headers=("sentry-trace",))
        app = stack.enter_context(serving(given))
        port = stack.enter_context(worker_in_a_thread(app))
        headers = {**headers_of(settings)(), "Content-Type": "application/json"}
        yield Service(f"http://127.0.0.1:{port}", headers, known.url, unknown.url)


@pytest.fixture
def ask(driver: webdriver.Chrome, service: Service) -> Ask:
    """Send a request from a page of an origin, and return what the page can read."""

    def ask(origin: str, path: str, **options: Any) -> dict[str, Any]:
        driver.get(origin)
        given = {"headers": service.headers, **options}
        return driver.execute_async_script(ASK, service.url + path, given)  # type: ignore[no-untyped-call]

    return ask


def test_a_page_of_a_known_origin_reads_answers(ask: Ask, service: Service) -> None:
    body = f'{{"namespace": "{NAMESPACE}", "project": "{PROJECT}"}}'
    keyed = {**service.headers, "Idempotency-Key": "of-the-page"}
    for replayed in (None, "true"):
        registered = ask(service.known, "/assets/video", method="POST", body=body, headers=keyed)
        assert registered["status"] == 201
        assert registered["headers"].get("idempotent-replayed") == replayed
    ask(service.known, "/assets/video", method="POST", body=body)

    page = ask(service.known, LIST)

    assert page["status"] == 200
    assert page["body"].startswith('[{"id":')
    assert page["headers"]["x-next-cursor"]
    assert page["headers"]["link"].startswith("<http://127.0.0.1:")
    assert page["headers"]["server-timing"].startswith("db;")
    one = ask(service.known, registered["headers"]["location"])
    known = {**service.headers, "If-None-Match": one["headers"]["etag"]}
    path = registered["headers"]["location"]
    assert ask(service.known, path, headers=known, cache="no-store")["status"] == 304


def test_it_may_send_what_tracing_adds_to_each_request(ask: Ask, service: Service) -> None:
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    added = {
        "traceparent": f"00-{trace_id}-{span_id}-01",
        "tracestate": "congo=t61rcWkgMzE",
        "baggage": f"sentry-trace_id={trace_id}",
        "sentry-trace": f"{trace_id}-{span_id}-1",
    }

    assert ask(service.known, LIST, headers={**service.headers, **added})["status"] == 200
    unknown = {**service.headers, "X-Unknown": "1"}
    assert ask(service.known, LIST, headers=unknown)["refused"]


def test_it_reads_what_is_wrong(ask: Ask, service: Service) -> None:
    refused = ask(service.known, f"{LIST}0000")
    assert refused["status"] == 400
    assert '"code":"invalid_request"' in refused["body"]
    assert refused["headers"]["x-request-id"] in refused["body"]

    refused = ask(service.known, LIST, headers={})
    assert refused["status"] == 401
    assert refused["headers"]["www-authenticate"].startswith("Bearer ")


def test_a_page_of_another_origin_reads_nothing(ask: Ask, service: Service) -> None:
    for options in ({}, {"headers": {}}):
        assert ask(service.unknown, LIST, **options) == {"refused": "TypeError: Failed to fetch"}
    assert ask(service.unknown, "/livez", headers={})["refused"]
    assert ask(service.known, "/livez", headers={})["status"] == 200
