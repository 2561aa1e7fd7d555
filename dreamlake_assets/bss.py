"""Client of BSS, the Big Streaming Server, which stores the bytes of the assets."""

from contextlib import suppress
from time import monotonic
from urllib.parse import quote, urlsplit

import urllib3
from circuitbreaker import CircuitBreaker

from dreamlake_assets import errors, trace, turns
from dreamlake_assets.places import Places
from dreamlake_assets.transport import TimedOut, Transport, Unanswered

_REDIRECTS = {301, 302, 303, 307, 308}

#: Consecutive failures that open the circuit breaker.
FAILURES = 10
#: Seconds for which an open circuit breaker sends no request to BSS.
REST_SECONDS = 2

#: Bytes. A body up to this size is read, so that its connection can be reused.
SMALL_BODY = 16 * 1024


class Bss:
    """Requests presigned URLs from BSS, over kept-alive connections."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        timeout: float,
        concurrency: int,
        ca_file: str | None = None,
    ):
        """Create the connection pool. Connections are opened on demand.

        :param url: the base URL of BSS.
        :param token: the bearer token that is sent to BSS, or None.
        :param timeout: seconds to connect, and again for the whole response.
        :param concurrency: the number of requests that may wait for BSS at a time while it is
            quick.
        :param ca_file: the setting DREAMLAKE_CA_FILE.
        """
        self._path = urlsplit(url).path
        self._origin = url.removesuffix(self._path)
        self._timeout = timeout
        self._places = Places(concurrency)
        self._breaker = CircuitBreaker(
            failure_threshold=FAILURES,
            recovery_timeout=REST_SECONDS,
            expected_exception=(errors.BssUnreachable, errors.BssTimeout, errors.BssFailing),
            name="BSS",
        )
        self._headers = {"Accept": "*/*"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._transport = Transport(url, concurrency, ca_file=ca_file)

    def presigned_url(self, route: str, bss_id: str) -> str:
        """Return a URL from which the bytes of an asset can be downloaded for a limited time.

        :param route: ``videos``, ``audio``, ``labels``, ``text-tracks``, ``image`` or ``files``.
        :param bss_id: sent as a single path segment, escaped.
        :raises errors.BssError: the response is not a redirect to an http or https URL. While the
            circuit breaker is open, the last failure is raised again without a request.
        :raises errors.Overloaded: too many requests wait for BSS already.
        """
        with trace.BssRequest():
            return self._presigned_url(route, bss_id)

    def _presigned_url(self, route: str, bss_id: str) -> str:
        failure = self._breaker.last_failure
        if self._breaker.opened and isinstance(failure, errors.BssError):
            raise type(failure)(reason=failure.reason)
        turns.give_up()
        with self._places.take(), self._breaker:
            location = self._location(f"{self._path}/{route}/{quote(bss_id, safe='')}/raw")
        try:
            parts = urlsplit(location)
            valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        except ValueError:
            valid = False
        if not valid:
            raise errors.BssBadLocation
        return location

    def _location(self, target: str) -> str:
        try:
            response = self._send_with_retry(target)
        except TimedOut as error:
            raise errors.BssTimeout(reason=str(error)) from error
        except Unanswered as error:
            raise errors.BssUnreachable(reason=str(error)) from error
        with response:
            _read_small_body(response)
            if response.status >= 500:
                raise errors.BssFailing(reason=f"status {response.status}")
            if response.status not in _REDIRECTS:
                raise errors.BssNoRedirect(reason=f"status {response.status}")
            location = response.headers.get("Location")
            if not location:
                raise errors.BssNoLocation
        if location == self._origin + target:
            raise errors.BssBadLocation(
                "BSS did not return a presigned URL: it redirects to itself."
            )
        return location

    def _send_with_retry(self, target: str) -> urllib3.BaseHTTPResponse:
        """Send a request, and again if its connection broke: BSS may have closed an idle one.

        :raises Unanswered: both attempts failed, or the timeout has expired.
        """
        deadline = monotonic() + self._timeout
        headers = {**self._headers, "X-Request-Id": trace.current().request_id}
        try:
            return self._transport.get(target, headers, self._timeout)
        except TimedOut:
            raise
        except Unanswered:
            remaining = deadline - monotonic()
            if remaining <= 0:
                raise
            return self._transport.get(target, headers, remaining)


def _read_small_body(response: urllib3.BaseHTTPResponse) -> None:
    """Read a small body, so that its connection can be reused. A larger one closes it."""
    length = response.headers.get("Content-Length", "")
    if not length.isdecimal() or int(length) <= SMALL_BODY:
        # The headers are complete, so a body that cannot be read does not matter.
        with suppress(urllib3.exceptions.HTTPError):
            response.read(SMALL_BODY + 1, decode_content=False)
