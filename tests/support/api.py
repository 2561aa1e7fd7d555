"""Test client for the API of the service."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dreamlake_assets import create_app
from dreamlake_assets.config import Settings
from tests.conftest import NAMESPACE, WRITER
from tests.support import openapi

PROJECT = "robotics"
TABLES = ("namespace", "namespace_member", "space", "episode", "node", "asset")


class _LeftOut:
    """A marker whose repr is the same in every run, for the ids of parametrised tests."""

    def __repr__(self) -> str:
        return "LEFT_OUT"


#: Stands for an omitted parameter or field.
LEFT_OUT = _LeftOut()


class Answer(TestResponse):
    """A response whose JSON has type ``Any``, so that tests need no casts."""

    @property
    def json(self) -> Any:
        return self.get_json()


class Api:
    """Requests by a subject; by default into one namespace and project."""

    def __init__(self, client: FlaskClient, headers: Callable[..., dict[str, str]]):
        self.client = client
        self._headers = headers

    def with_client_of_its_own(self) -> "Api":
        """Return a copy with its own client, for another thread."""
        return Api(self.client.application.test_client(), self._headers)

    def ask(self, url: str, method: str = "GET", **options: Any) -> Answer:
        """Send a request unchanged, without a token; check the response against the document."""
        response = cast("Answer", self.client.open(url, method=method, **options))
        openapi.check(response)
        return response

    def get(
        self,
        url: str,
        *,
        subject: str = WRITER,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Answer:
        return self.ask(url, headers={**self._headers(subject), **(headers or {})}, **options)

    def send(
        self,
        body: str | bytes,
        kind: str = "video",
        *,
        content_type: str | None = "application/json",
        content_encoding: str | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """POST a body unchanged."""
        headers = self._headers()
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        if content_encoding is not None:
            headers["Content-Encoding"] = content_encoding
        url = f"/assets/{kind}"
        return self.ask(url, "POST", data=body, content_type=content_type, headers=headers)

    def register(
        self,
        kind: str = "video",
        *,
        subject: str = WRITER,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Answer:
        headers = self._headers(subject)
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        return self.ask(f"/assets/{kind}", "POST", json=_given(fields), headers=headers)

    def register_batch(
        self,
        assets: Any,
        *,
        subject: str = WRITER,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> Answer:
        headers = self._headers(subject)
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        body = _given({"assets": assets, **fields})
        return self.ask("/assets/batch", "POST", json=body, headers=headers)

    def change_many(self, verb: str, *, subject: str = WRITER, **members: Any) -> Answer:
        """Delete or restore many assets."""
        headers = self._headers(subject)
        return self.ask(f"/assets/{verb}", "POST", json=_given(members), headers=headers)

    def listing(self, kind: str = "video", /, *, subject: str = WRITER, **query: Any) -> Answer:
        url = f"/assets/{kind}".removesuffix("/")
        return self.get(url, subject=subject, query_string=_given(query))

    def download(self, kind: str = "video", *, subject: str = WRITER, **query: Any) -> Answer:
        return self.get(f"/assets/{kind}/download", subject=subject, query_string=_given(query))

    def download_many(self, *, subject: str = WRITER, **fields: Any) -> Answer:
        headers = self._headers(subject)
        return self.ask("/assets/download", "POST", json=_given(fields), headers=headers)

    def names(self, kind: str = "video", /, **query: Any) -> list[str | None]:
        """The names in a list, in its order."""
        response = self.listing(kind, **query)
        assert response.status_code == 200, response.text
        return [item["name"] for item in response.json]

    def pages(self, kind: str = "video", /, **query: Any) -> Iterator[list[dict[str, Any]]]:
        """Follow the links of a list and yield its pages."""
        response = self.listing(kind, **query)
        links: set[str] = set()
        while True:
            assert response.status_code == 200, response.text
            yield response.json
            link = response.headers.get("Link")
            assert (link is None) == (response.headers.get("X-Next-Cursor") is None)
            if link is None:
                return
            assert link.endswith('>; rel="next"')
            assert link not in links, "the pages go round in a circle"
            links.add(link)
            response = self.get(link[1 : link.index(">")])


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    given = {"namespace": NAMESPACE, "project": PROJECT, **values}
    return {name: value for name, value in given.items() if value is not LEFT_OUT}


@contextmanager
def serving(settings: Settings) -> Iterator[Flask]:
    """An application; its connections are closed at the end."""
    app = create_app(settings)
    try:
        yield app
    finally:
        app.extensions["dreamlake_assets"].close()


def problem(response: Answer) -> dict[str, Any]:
    """The body of an error without its request id, which is unique to each request."""
    body = dict(response.json)
    assert body.pop("requestId") == response.headers["X-Request-Id"]
    return body


def row_counts(connection: psycopg.Connection) -> dict[str, int]:
    """The number of rows in each table."""
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES)
    row = connection.execute(f"SELECT {counts}".encode()).fetchone()
    assert row is not None
    return dict(zip(TABLES, row, strict=True))
