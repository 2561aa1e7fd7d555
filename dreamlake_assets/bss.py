"""Client of BSS, the Big Streaming Server, which stores the bytes of the assets."""

from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from math import inf
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

#: The route and the id of a file in BSS.
File = tuple[str, str]

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
        #: A batch asks with half of the places. Its own thread is one of those that ask.
        self._helpers = concurrency // 2 - 1
        self._executor = ThreadPoolExecutor(max(1, self._helpers), "bss")
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
            turns.give_up()
            return self._presigned_url((route, bss_id), trace.current().request_id)

    def presigned_urls(self, files: Iterable[File]) -> dict[File, str | errors.AssetsError]:
        """Return a URL for each of many files, or the error of :meth:`presigned_url`.

        BSS is asked in parallel, once for each file, in at most half of the places. The time for
        all files is the longest time for one. A file that is late has a BssTimeout.

        :raises BssError: BSS was asked, and no file has a URL.
        :raises Overloaded: no file has a place.
        """
        wanted = dict.fromkeys(files)
        if not wanted:
            return {}
        with trace.BssRequest():
            turns.give_up()
            found = self._ask_for_all(wanted)
            failures = [each for each in found.values() if isinstance(each, errors.AssetsError)]
            if failures and len(failures) == len(found):
                of_bss = [each for each in failures if isinstance(each, errors.BssError)]
                raise (of_bss or failures)[0]
            return found

    def _ask_for_all(self, files: dict[File, None]) -> dict[File, str | errors.AssetsError]:
        until = monotonic() + 2 * self._timeout
        request_id = trace.current().request_id
        remaining = deque(files)
        found: dict[File, str | errors.AssetsError] = {}

        def ask() -> None:
            while remaining and monotonic() < until:
                try:
                    file = remaining.popleft()
                except IndexError:
                    return
                try:
                    found[file] = self._presigned_url(file, request_id, until)
                except errors.BssError as error:
                    found[file] = error
                except errors.Overloaded as error:
                    # At the end, it is late like the files that are left.
                    if monotonic() < until:
                        found[file] = error

        helpers = [
            self._executor.submit(ask) for _ in range(min(self._helpers, len(remaining) - 1))
        ]
        ask()
        # Those that another batch keeps from a thread have nothing left to do.
        started = [helper for helper in helpers if not helper.cancel()]
        wait(started, max(0.0, until - monotonic()))
        late = errors.BssTimeout(reason="timeout: too many files")
        return {file: found.get(file, late) for file in files}

    def _presigned_url(self, file: File, request_id: str, until: float = inf) -> str:
        """Return a presigned URL of a file.

        :param until: the time at which a batch ends.
        """
        failure = self._breaker.last_failure
        if self._breaker.opened and isinstance(failure, errors.BssError):
            raise type(failure)(reason=failure.reason)
        route, bss_id = file
        target = f"{self._path}/{route}/{quote(bss_id, safe='')}/raw"
        seconds = None if until == inf else until - monotonic()
        with self._places.take(seconds), self._breaker:
            location = self._location(target, request_id, until)
        try:
            parts = urlsplit(location)
            valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        except ValueError:
            valid = False
        if not valid:
            raise errors.BssBadLocation
        return location

    def _location(self, target: str, request_id: str, until: float) -> str:
        try:
            response = self._send_with_retry(target, request_id, until)
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

    def _send_with_retry(
        self, target: str, request_id: str, until: float
    ) -> urllib3.BaseHTTPResponse:
        """Send a request, and again if its connection broke: BSS may have closed an idle one.

        :raises Unanswered: both attempts failed, or the timeout has expired.
        """
        started = monotonic()
        headers = {**self._headers, "X-Request-Id": request_id}
        try:
            return self._send(target, headers, self._timeout, until)
        except TimedOut:
            raise
        except Unanswered:
            remaining = started + self._timeout - monotonic()
            if remaining <= 0:
                raise
            return self._send(target, headers, remaining, until)

    def _send(
        self, target: str, headers: dict[str, str], timeout: float, until: float
    ) -> urllib3.BaseHTTPResponse:
        total = None if until == inf else max(until - monotonic(), 0.001)
        return self._transport.get(target, headers, timeout, total)


def _read_small_body(response: urllib3.BaseHTTPResponse) -> None:
    """Read a small body, so that its connection can be reused. A larger one closes it."""
    length = response.headers.get("Content-Length", "")
    if not length.isdecimal() or int(length) <= SMALL_BODY:
        # The headers are complete, so a body that cannot be read does not matter.
        with suppress(urllib3.exceptions.HTTPError):
            response.read(SMALL_BODY + 1, decode_content=False)
