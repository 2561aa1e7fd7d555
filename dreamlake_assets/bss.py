"""The Big Streaming Server, which keeps the bytes. The only module that imports requests."""

from contextlib import suppress
from threading import BoundedSemaphore
from time import monotonic
from urllib.parse import quote, urlsplit

import requests
import urllib3
from circuitbreaker import CircuitBreaker

from dreamlake_assets import errors, trace
from dreamlake_assets.bss_transport import Adapter

_REDIRECTS = {301, 302, 303, 307, 308}

#: After so many failures in a row BSS is not asked for so many seconds, then tried again.
FAILURES = 10
REST_SECONDS = 2

#: A body up to so many bytes is read, so that its connection can be used again.
SMALL_BODY = 16 * 1024


class Bss:
    """Asks BSS for presigned URLs, over kept-alive connections."""

    def __init__(self, url: str, *, token: str | None, timeout: float, concurrency: int):
        """Make the connections' pool; they are made when they are needed.

        :param timeout: seconds to connect, and again for the whole answer.
        :param concurrency: how many threads may wait for BSS at once; the others are for those who
            register and list.
        """
        self._url = url
        self._timeout = timeout
        self._places = BoundedSemaphore(concurrency)
        self._breaker = CircuitBreaker(
            failure_threshold=FAILURES,
            recovery_timeout=REST_SECONDS,
            expected_exception=(errors.BssUnreachable, errors.BssTimeout, errors.BssFailing),
            name="BSS",
        )
        self._headers = {"Accept": "*/*", "User-Agent": "dreamlake-assets"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        # An adapter without a session: that would follow redirects, keep the cookies of one
        # client's answer for the next, and ask the machine for proxies and .netrc.
        self._adapter = Adapter(concurrency)

    def presigned_url(self, route: str, bss_id: str) -> str:
        """Where the bytes can be downloaded for a while.

        :param route: ``videos``, ``audio``, ``labels``, ``text-tracks`` or ``image``.
        :param bss_id: sent as one path segment, whatever characters it has.
        :raises errors.BssError: BSS did not answer with a redirect to an http or https URL; or it
            kept failing, and is left alone for a moment: then as it failed last.
        :raises errors.Overloaded: too many requests wait for BSS already.
        """
        with trace.BssRequest():
            return self._presigned_url(route, bss_id)

    def _presigned_url(self, route: str, bss_id: str) -> str:
        failure = self._breaker.last_failure
        if self._breaker.opened and isinstance(failure, errors.BssError):
            raise type(failure)
        if not self._places.acquire(blocking=False):
            raise errors.Overloaded("Too many downloads wait for BSS; try again soon.")
        try:
            with self._breaker:
                location = self._location(f"{self._url}/{route}/{quote(bss_id, safe='')}/raw")
        finally:
            self._places.release()
        try:
            parts = urlsplit(location)
            valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        except ValueError:
            valid = False
        if not valid:
            raise errors.BssBadLocation
        return location

    def _location(self, url: str) -> str:
        try:
            response = self._redirect(url)
        except requests.Timeout as error:
            raise errors.BssTimeout from error
        except requests.RequestException as error:
            raise errors.BssUnreachable from error
        with response:
            _read_small_body(response)
            if response.status_code >= 500:
                raise errors.BssFailing
            if response.status_code not in _REDIRECTS:
                raise errors.BssNoRedirect
            location = response.headers.get("Location")
            if not location:
                raise errors.BssNoLocation
        if location == url:
            raise errors.BssBadLocation(
                "BSS did not return a presigned URL: it redirects to itself."
            )
        return location

    def _redirect(self, url: str) -> requests.Response:
        """Ask, and once more where the connection broke: BSS may have closed one that was idle.

        :raises requests.RequestException: there is no answer.
        """
        deadline = monotonic() + self._timeout
        try:
            return self._ask(url, self._timeout)
        except requests.Timeout:
            raise
        except requests.ConnectionError:
            left = deadline - monotonic()
            if left <= 0:
                raise
            return self._ask(url, left)

    def _ask(self, url: str, timeout: float) -> requests.Response:
        request = requests.PreparedRequest()
        headers = {**self._headers, "X-Request-Id": trace.current().request_id}
        request.prepare(method="GET", url=url, headers=headers)
        # stream: the body of the answer is of no interest, and may be large.
        return self._adapter.send(request, stream=True, timeout=timeout)


def _read_small_body(response: requests.Response) -> None:
    """Read what is left of an answer, if it is little: else its connection is closed."""
    length = response.headers.get("Content-Length", "")
    if not length.isdecimal() or int(length) <= SMALL_BODY:
        # The answer is in its head, whatever becomes of the body.
        with suppress(urllib3.exceptions.HTTPError):
            response.raw.read(SMALL_BODY + 1, decode_content=False)
