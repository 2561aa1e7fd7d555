"""What every request and every answer have in common, whatever the route.

Around Flask and not inside of it: so it holds for what Flask itself refuses, sees the body of an
answer to its end, and costs a fraction of Flask's own hooks.
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

#: Called with a request once its answer is out, or given up.
Listener = Callable[[Trace], None]

#: Called for each request that this process turned away before any application saw it.
turned_away_listeners: list[Callable[[], None]] = []

_log = logging.getLogger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Observer:
    """A WSGI application that traces the requests to another.

    A request gets an id, taken over from its ``X-Request-Id`` where that is fit. The answer has it
    in ``X-Request-Id``, and in ``Server-Timing`` what was spent until its headers were sent; and it
    tells browsers to be careful with it.
    """

    def __init__(self, application: "WSGIApplication"):
        self._application = application
        #: What else is to hear of every request that is over.
        self.listeners: list[Listener] = []

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve a request."""
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        here = trace.begin(request_id)
        here.method = environ["REQUEST_METHOD"]

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            here.status = int(status[:3])
            # Flask's own request is to be found here, until it returns.
            rule = environ["werkzeug.request"].url_rule
            here.route = None if rule is None else rule.rule
            protect(headers)
            headers.append(("X-Request-Id", request_id))
            headers.append(("Server-Timing", _server_timing(here)))
            return start_response(status, headers, exc_info)

        body = self._application(environ, start)
        return _Body(body, here, self.listeners)


def _server_timing(here: Trace) -> str:
    database = f'db;dur={here.database_seconds * 1e3:.2f};desc="roundtrips={here.roundtrips}"'
    if here.bss_outcome is None:
        return database
    return f"{database}, bss;dur={here.bss_seconds * 1e3:.2f}"


class _Body:
    """The body of an answer, counted; the server closes it when the answer is out."""

    __slots__ = ("_body", "_here", "_listeners")

    def __init__(self, body: Iterable[bytes], here: Trace, listeners: list[Listener]):
        self._body = body
        self._here = here
        self._listeners = listeners

    def __iter__(self) -> Iterator[bytes]:
        here = self._here
        try:
            for chunk in self._body:
                here.body_bytes += len(chunk)
                yield chunk
        except Exception as error:
            # The status is out already; the server breaks off the answer and logs why, but when it
            # does, the request is over.
            here.error_code = getattr(error, "code", "internal_error")
            error.add_note(f"This was request {here.request_id}.")
            raise
        here.complete = True

    def close(self) -> None:
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                close()
        finally:
            for listener in self._listeners:
                try:
                    listener(self._here)
                except Exception:  # noqa: BLE001  (the client has its answer, whatever happens here)
                    _log.exception("request %s was not told", self._here.request_id)
            trace.end()
