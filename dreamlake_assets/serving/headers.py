"""Response headers for browsers: protection of the content, and cross-origin access (CORS).

Written by hand: Flask-CORS takes 25 us for each request, and this module 1 us. Flask-CORS also
sends ``Vary`` only to the origins that it allows, and :mod:`.worker`, which refuses requests
without Flask, cannot use it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Headers = list[tuple[str, str]]

#: A response is data. Browsers must not execute, frame or sniff it, nor cache it unless its route
#: allows that.
PROTECTION: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
]

#: The response headers that pages may read, and the request headers that they may send. Credentials
#: (cookies) stay disallowed: tokens travel in the Authorization header.
_EXPOSED = (
    *("Link", "X-Next-Cursor", "ETag", "Location", "Content-Location", "Idempotent-Replayed"),
    *("X-Request-Id", "Server-Timing", "Retry-After", "WWW-Authenticate"),
)
_ALLOWED = (
    *("Authorization", "Content-Type", "Idempotency-Key"),
    *("If-None-Match", "If-Match", "X-Request-Id"),
    # Tracing libraries add these to each request (W3C Trace Context, W3C Baggage).
    *("traceparent", "tracestate", "baggage"),
)
#: A cache must not give the response to one origin to another.
_VARY = ("Vary", "Origin")


def protect(headers: Headers) -> None:
    """Add the headers of ``PROTECTION`` that the route has not set."""
    present = {name for name, _ in headers}
    headers += [header for header in PROTECTION if header[0] not in present]


class Origins:
    """The origins whose pages may read responses, such as ``https://app.example.org``."""

    def __init__(self, origins: Iterable[str], request_headers: Iterable[str] = ()):
        """Prepare the headers of responses.

        :param request_headers: the names of headers that pages may send besides ``_ALLOWED``.
        """
        self._preflight: Headers = [
            ("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE"),
            ("Access-Control-Allow-Headers", ", ".join([*_ALLOWED, *request_headers])),
            # Browsers cache a preflight response for two hours, the maximum of Chromium.
            ("Access-Control-Max-Age", "7200"),
        ]
        exposed = ("Access-Control-Expose-Headers", ", ".join(_EXPOSED))
        self._headers: dict[str, Headers] = {
            origin: [_VARY, ("Access-Control-Allow-Origin", origin), exposed] for origin in origins
        }

    def headers(self, origin: str) -> Headers:
        """Return the headers of a response to an origin.

        :param origin: the header ``Origin`` of the request; empty without one.
        """
        return self._headers.get(origin, [_VARY])

    def preflight_headers(self, origin: str) -> Headers:
        """Return the additional headers of a response to a preflight request."""
        return self._preflight if origin in self._headers else []


class CrossOrigin:
    """WSGI middleware that adds the headers of cross-origin access (CORS) to each response.

    It passes preflight requests on: Flask responds to OPTIONS itself, without a token.
    """

    def __init__(self, application: "WSGIApplication", origins: Origins):
        self._application = application
        self._origins = origins

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Serve a request as a WSGI application."""
        origin = environ.get("HTTP_ORIGIN", "")
        added = self._origins.headers(origin)
        if environ["REQUEST_METHOD"] == "OPTIONS":
            added = added + self._origins.preflight_headers(origin)

        def start(status: str, headers: Headers, exc_info: Any = None) -> Any:
            headers += added
            return start_response(status, headers, exc_info)

        return self._application(environ, start)
