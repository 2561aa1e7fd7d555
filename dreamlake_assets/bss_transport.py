"""The transport of :mod:`.bss`: requests and urllib3 with one deadline for all of a response.

The timeout of a socket is for each of its reads, and urllib3 gives each address of a host the whole
timeout. Here a connection is made, and a response is read, within one deadline.
"""

import io
from contextlib import suppress
from http.client import HTTPResponse
from socket import SOCK_STREAM, gaierror, getaddrinfo, socket
from time import monotonic
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError


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


class Adapter(HTTPAdapter):
    """Keeps as many connections as there are threads that may ask."""

    def __init__(self, connections: int):
        super().__init__(pool_connections=1, pool_maxsize=connections)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
