"""Transports to the service: in this process, or over HTTP through nginx and gunicorn."""

import http.client
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self
from wsgiref.types import WSGIEnvironment

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request

from tests.support.gunicorn import APPLICATION_HEADER, Applications, worker_in_a_thread
from tests.support.nginx import Nginx, running_nginx

#: Headers that nginx and the connection add to a response of the service.
_OF_THE_WAY = {"Connection", "Server", "Strict-Transport-Security", "Transfer-Encoding"}

#: nginx closes a connection that has been idle for 75 s.
_IDLE_SECONDS = 30


@contextmanager
def through_nginx(directory: Path) -> Iterator[None]:
    """Route the test client of every application through nginx and gunicorn."""
    applications = Applications()
    with (
        worker_in_a_thread(applications) as port,
        running_nginx(directory, port) as nginx,
        _Connections(nginx) as connections,
        pytest.MonkeyPatch.context() as patch,
    ):
        client = partial(HttpClient, connections, applications)
        patch.setattr(Flask, "test_client_class", staticmethod(client))
        yield


class _Connections:
    """Connections to an nginx, kept open between requests."""

    def __init__(self, nginx: Nginx) -> None:
        self._nginx = nginx
        self._made: list[http.client.HTTPConnection] = []
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._made:
            connection.close()

    def take(self) -> http.client.HTTPConnection:
        if self._idle:
            since, connection = self._idle.pop()
            if time.monotonic() - since < _IDLE_SECONDS:
                return connection
        connection = self._nginx.connect()
        self._made.append(connection)
        return connection

    def give_back(self, connection: http.client.HTTPConnection) -> None:
        self._idle.append((time.monotonic(), connection))


class HttpClient(FlaskClient):
    """Flask's test client, but with requests sent to the server as bytes."""

    def __init__(
        self, connections: _Connections, applications: Applications, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._connections = connections
        self._application_name = applications.name(self.application.wsgi_app)

    def run_wsgi_app(
        self, environ: WSGIEnvironment, buffered: bool = False
    ) -> tuple[Iterable[bytes], str, Headers]:
        """Send the request of an environ, and return the response as a WSGI application does."""
        request = Request(environ)
        connection = self._connections.take()
        # The path as the test wrote it, without an optional host and query.
        path = re.sub(r"^https?://[^/]*|\?.*$", "", environ["RAW_URI"])
        target = f"{path}?{environ['QUERY_STRING']}".removesuffix("?")
        connection.putrequest(request.method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            connection.putheader(name, value)
        connection.putheader(APPLICATION_HEADER, self._application_name)
        connection.endheaders(request.get_data())
        response = connection.getresponse()
        if response.length is None:
            body = _Body(response, connection, self._connections)
        else:
            body = [response.read()]
            self._connections.give_back(connection)
        headers = [each for each in response.getheaders() if each[0] not in _OF_THE_WAY]
        return body, f"{response.status} {response.reason}", Headers(headers)


class _Body:
    """The body of a response of unknown length, read as it arrives."""

    def __init__(
        self,
        response: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        connections: _Connections,
    ) -> None:
        self._response = response
        self._connection = connection
        self._connections = connections

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._response.read1(64 * 1024):
            yield chunk
        self._connections.give_back(self._connection)

    def close(self) -> None:
        if not self._response.isclosed():
            self._connection.close()
            self._response.close()
