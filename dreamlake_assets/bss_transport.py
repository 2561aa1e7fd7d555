"""The transport of :mod:`.bss`: requests and urllib3 with a deadline for the whole response.

A socket timeout applies to each read, and urllib3 applies the timeout of a connection to each
address of a host. Here one deadline bounds the connection to any of the addresses, and another one
the whole response.
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
    """The received bytes of a socket, until a deadline.

    A socket timeout applies to each read, so a server that sends single bytes would never exceed
    it.
    """

    def __init__(self, received: io.RawIOBase, sock: socket):
        self._received = received
        self._sock = sock
        self._deadline = monotonic() + (sock.gettimeout() or 0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        remaining = self._deadline - monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(remaining)
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _Response(HTTPResponse):
    """A response that is received completely within the timeout of its connection."""

    def __init__(self, sock: socket, *args: Any, **kwargs: Any):
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_UntilDeadline(self.fp.detach(), sock))


class _HttpConnection(HTTPConnection):
    """A connection that tries all addresses of its host within a single timeout."""

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
            # TLS verifies the certificate against the host name.
            self.host, self.timeout = host, timeout


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls: Any = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls: Any = _HttpsConnection


class Adapter(HTTPAdapter):
    """The adapter that keeps one connection for each thread that may wait for BSS."""

    def __init__(self, connections: int):
        """Create the pool of one host.

        :param connections: the number of connections that are kept.
        """
        super().__init__(pool_connections=1, pool_maxsize=connections)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
