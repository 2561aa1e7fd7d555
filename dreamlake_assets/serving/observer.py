"""Tracing of every request: its id, its cost, and the headers that all responses share.

This is WSGI middleware and not a set of Flask hooks. It therefore also covers the requests that
Flask itself refuses, sees each response to its end, and costs a fraction of the hooks.
"""

import logging
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from dreamlake_assets import trace
from dreamlake_assets.serving.headers import protect
from dreamlake_assets.trace import Trace

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Called with a request when its response has been sent or given up.
Listener = Callable[[Trace], None]

#: Called for each request that the worker of this process refused before it reached an application.
turned_away_listeners: list[Callable[[], None]] = []

_log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

#: W3C Trace Context, level 1: version, trace id, parent id and flags. Only a version above 00 may
#: have more after that. An id of zeros is not valid.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)


class Observer:
    """WSGI middleware that traces requests and adds headers to their responses.

    Each request has an id: its ``X-Request-Id`` if that is valid, and otherwise a new one. The
    response carries the id in ``X-Request-Id``, the time spent until its headers were sent in
    ``Server-Timing``, and the headers of :mod:`.headers`.
    """

    def __init__(self, application: "WSGIApplication"):
        self._application = application
        #: Called with each request when it is over.
        self.listeners: list[Listener] = []

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve a request as a WSGI application."""
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        request = trace.begin(request_id)
        request.trace_id = trace_id_of(environ.get("HTTP_TRACEPARENT", ""))
        request.method = environ["REQUEST_METHOD"]

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            request.status = int(status[:3])
            # Flask's request, which stays in the environment until Flask returns.
            rule = environ["werkzeug.request"].url_rule
            request.route = None if rule is None else rule.rule
            if request.status == 204 or ("Content-Length", "0") in headers:
                # Werkzeug gives every response a type, also one that has no content.
                headers[:] = [header for header in headers if header[0] != "Content-Type"]
            protect(headers)
            headers.append(("X-Request-Id", request_id))
            headers.append(("Server-Timing", _server_timing(request)))
            return start_response(status, headers, exc_info)

        try:
            body = self._application(environ, start)
        except Exception:
            # The server refused a header of the response. The worker sends the 500.
            request.status, request.error_code = 500, "internal_error"
            _notify(self.listeners, request)
            raise
        return _Body(body, request, self.listeners)


def trace_id_of(traceparent: str) -> str | None:
    """Return the trace id of a ``traceparent`` header, or None if the header is malformed."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return match[1] if match else None


def _server_timing(request: Trace) -> str:
    database = f'db;dur={request.database_seconds * 1e3:.2f};desc="roundtrips={request.roundtrips}"'
    if request.bss_outcome is None:
        return database
    return f"{database}, bss;dur={request.bss_seconds * 1e3:.2f}"


class _Body:
    """The body of a response, counted. The server closes it after the response."""

    __slots__ = ("_body", "_listeners", "_request")

    def __init__(self, body: Iterable[bytes], request: Trace, listeners: list[Listener]):
        self._body = body
        self._request = request
        self._listeners = listeners

    def __iter__(self) -> Iterator[bytes]:
        request = self._request
        try:
            for chunk in self._body:
                request.body_bytes += len(chunk)
                yield chunk
        except Exception as error:
            # The status has been sent, so the server cuts the response off. It logs the error
            # after the trace has ended, so the error itself carries the request id.
            request.error_code = getattr(error, "code", "internal_error")
            error.add_note(f"Request id: {request.request_id}")
            raise
        request.complete = True

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                close()
        finally:
            _notify(self._listeners, self._request)
            trace.end()


def _notify(listeners: Iterable[Listener], request: Trace) -> None:
    for listener in listeners:
        try:
            listener(request)
        except Exception:  # noqa: BLE001  (the response has been sent already)
            _log.exception("a listener failed for request %s", request.request_id)
