"""The Big Streaming Server, which keeps the bytes. The only module that imports requests."""

import io
from contextlib import suppress
from http.client import HTTPResponse
from socket import SOCK_STREAM, gaierror, getaddrinfo, socket
from threading import BoundedSemaphore
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit

import requests
import urllib3
from circuitbreaker import CircuitBreaker
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from dreamlake_assets import errors, trace

_REDIRECTS = {301, 302, 303, 307, 308}

#: After so many failures in a row BSS is not asked for so many seconds, then tried again.
FAILURES = 10
REST_SECONDS = 2

#: A body up to so many bytes is read, so that its connection can be used again.
SMALL_BODY = 16 * 1024


class _UntilDeadline(io.RawIOBase):
    """What a socket receives, until a deadline.

    The timeout of a socket is for each of its reads, and a server that sends a byte now and then
    never reaches it.
    """

    def __init__(self, received: io.RawIOBase, sock: socket):
        self._received = received
        self._sock = sock
        self._deadline = monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._deadline - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _Response(HTTPResponse):
    """An answer that is all there within the timeout of its connection, or not at all."""

    def __init__(self, sock: socket, *args: Any, **kwargs: Any):
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_UntilDeadline(self.fp.detach(), sock))


class _HttpConnection(HTTPConnection):
    """Connects within its timeout, however many addresses its host has."""

    response_class = _Response

    def _new_conn(self) -> socket:
        deadline = monotonic() + (self.timeout or 0)
        try:
            found = getaddrinfo(self.host.strip("[]"), self.port, type=SOCK_STREAM)
        except (gaierror, UnicodeError) as error:
            raise NewConnectionError(self, f"{self.host} has no address: {error}") from error
        *others, last = (str(address[0]) for *_, address in found)
        for address in others:
            with suppress(ConnectTimeoutError, NewConnectionError):
                return self._connect_to(address, deadline)
        return self._connect_to(last, deadline)

    def _connect_to(self, address: str, deadline: float) -> socket:
        host, timeout = self.host, self.timeout
        self.host, self.timeout = address, max(deadline - monotonic(), 0.001)
        try:
            return super()._new_conn()
        finally:
            # The certificate is of the name.
            self.host, self.timeout = host, timeout


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls: Any = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls: Any = _HttpsConnection


class _Adapter(HTTPAdapter):
    """Keeps as many connections as there are threads that may ask."""

    def __init__(self, connections: int):
        super().__init__(pool_connections=1, pool_maxsize=connections)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}


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
        self._adapter = _Adapter(concurrency)

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
