"""HTTP to BSS and to the token issuer: urllib3 with one deadline for each response.

A socket timeout applies to each read, and urllib3 applies the timeout of a connection to each
address of a host. Here one deadline bounds the connection to any of the addresses, and another one
the whole response.

Only the CA certificates come from the environment. ``http_proxy`` and the like do not count, nor
does ``.netrc``, so a token reaches no other host than the one that a setting names. Redirects are
not followed, for the same reason.
"""

import io
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from socket import SOCK_STREAM, gaierror, getaddrinfo, socket
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from dreamlake_assets import __version__
from dreamlake_assets.config import SettingsError

_USER_AGENT = f"dreamlake-assets/{__version__}"

#: The variables with which requests and curl find CA certificates: a file or a directory each.
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


class Unanswered(Exception):
    """There is no response.

    The message is the reason, without secrets: ``dns``, ``refused``, ``timeout``, ``certificate``,
    ``tls``, ``closed`` or ``failed``, most with details, such as ``certificate: certificate has
    expired``.
    """


class TimedOut(Unanswered):
    """There is no response in time."""


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
            connected = super()._new_conn()
        finally:
            # TLS verifies the certificate against the host name.
            self.host, self.timeout = host, timeout
        # For the TLS handshake.
        connected.settimeout(max(deadline - monotonic(), 0.001))
        return connected


class _HttpsConnection(_HttpConnection, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls: Any = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls: Any = _HttpsConnection


class Transport:
    """The connections to the host of one URL."""

    def __init__(self, url: str, connections: int, *, ca_file: str | None = None):
        """Create the pool. Connections are opened on demand.

        :param url: a URL of the host.
        :param connections: the number of connections that are kept.
        :param ca_file: the setting DREAMLAKE_CA_FILE.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode()
        if uses_tls(url):
            self._pool: urllib3.HTTPConnectionPool = _HttpsPool(
                host, parts.port, maxsize=connections, ssl_context=tls_context(ca_file)
            )
        else:
            self._pool = _HttpPool(host, parts.port, maxsize=connections)

    def get(
        self, target: str, headers: Mapping[str, str], timeout: float, total: float | None = None
    ) -> urllib3.BaseHTTPResponse:
        """Send a GET request. The body of the response is still to be read.

        :param target: the path, and the query if there is one.
        :param timeout: seconds to connect, and again for the whole response.
        :param total: seconds for both together.
        :raises Unanswered: there is no response.
        """
        try:
            return self._pool.urlopen(
                "GET",
                target,
                headers={"User-Agent": _USER_AGENT, **headers},
                redirect=False,
                retries=False,
                timeout=urllib3.Timeout(total, connect=timeout, read=timeout),
                preload_content=False,
                decode_content=False,
            )
        except HTTPError as error:
            reason = _reason(error)
            if reason == "timeout":
                missing = "connection" if isinstance(error, ConnectTimeoutError) else "response"
                raise TimedOut(f"{reason}: no {missing}") from error
            raise Unanswered(reason) from error


def uses_tls(url: str | None) -> bool:
    """Return whether a URL of a setting is an https URL."""
    return url is not None and url.lower().startswith("https:")


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return the context of TLS connections, with the CA certificates that they trust.

    These are the ones of the machine, which OpenSSL finds by its own variables SSL_CERT_FILE and
    SSL_CERT_DIR, and those of REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and DREAMLAKE_CA_FILE.

    :param ca_file: the setting DREAMLAKE_CA_FILE.
    :raises SettingsError: a file or directory cannot be read, or is not one of certificates.
    """
    context = ssl.create_default_context()
    named = {name: os.environ.get(name) for name in _CA_VARIABLES} | {"DREAMLAKE_CA_FILE": ca_file}
    for name, path in named.items():
        if path:
            _add_certificates(context, name, path)
    return context


def _add_certificates(context: ssl.SSLContext, name: str, path: str) -> None:
    try:
        if name in _CA_VARIABLES and Path(path).is_dir():
            context.load_verify_locations(capath=path)
        else:
            context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise SettingsError(f"{name} does not name a file of certificates in PEM") from None
    except OSError as error:
        raise SettingsError(f"{name} cannot be read: {error.strerror}") from None


#: The known causes of a missing response, and how the log names them. The first match counts.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "timeout"),
    (ssl.SSLCertVerificationError, "certificate: {0.verify_message}"),
    (ssl.SSLError, "tls: {0.reason}"),
    (gaierror, "dns: {0.strerror}"),
    (UnicodeError, "dns: the host name is not valid"),
    (ConnectionRefusedError, "refused"),
    (ConnectionError, "closed"),
)


def _reason(error: HTTPError) -> str:
    """Return why there is no response. The messages of urllib3 quote the target, this text not."""
    causes = list(_causes(error))
    for cause in causes:
        for kind, text in _REASONS:
            if isinstance(cause, kind):
                return text.format(cause)
    innermost = causes[-1]
    return f"failed: {getattr(innermost, 'strerror', None) or type(innermost).__name__}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes. urllib3 passes some of them as an argument."""
    while error is not None:
        yield error
        passed = (each for each in error.args if isinstance(each, BaseException))
        error = error.__cause__ or next(passed, None) or error.__context__
