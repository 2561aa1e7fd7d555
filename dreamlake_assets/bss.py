"""The Big Streaming Server, which keeps the bytes. The only module that imports requests."""

from threading import BoundedSemaphore
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter

from dreamlake_assets import errors

_REDIRECTS = {301, 302, 303, 307, 308}


class _Session(requests.Session):
    """A session that leaves redirects to us.

    With ``allow_redirects=False`` alone, requests still prepares the next request: it reads all of
    the redirect's body, and fails where the Location is no URL.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None, which means that there is nowhere to go."""


class Bss:
    """Asks BSS for presigned URLs, over kept-alive connections."""

    def __init__(self, url: str, *, token: str | None, timeout: float, concurrency: int):
        """Make the session.

        :param timeout: seconds to connect, and again to answer.
        :param concurrency: how many threads may wait for BSS at once; the others are for those who
            register and list.
        """
        self._url = url
        self._timeout = timeout
        self._places = BoundedSemaphore(concurrency)
        self._session = _Session()
        # Neither proxies nor .netrc of the machine: the settings say where BSS is and who we are.
        self._session.trust_env = False
        if token is not None:
            self._session.headers["Authorization"] = f"Bearer {token}"
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=concurrency)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def presigned_url(self, route: str, bss_id: str) -> str:
        """Where the bytes can be downloaded for a while.

        :param route: ``videos``, ``audio``, ``labels`` or ``text-tracks``.
        :param bss_id: sent as one path segment, whatever characters it has.
        :raises errors.BssError: BSS did not answer with a redirect to an http or https URL.
        :raises errors.Overloaded: too many requests wait for BSS already.
        """
        if not self._places.acquire(blocking=False):
            raise errors.Overloaded("Too many downloads wait for BSS; try again soon.")
        try:
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
            # stream: the body of the answer is of no interest, and may be large.
            with self._session.get(
                url, allow_redirects=False, timeout=self._timeout, stream=True
            ) as response:
                if response.status_code not in _REDIRECTS:
                    raise errors.BssNoRedirect
                location = response.headers.get("Location")
        except requests.Timeout as error:
            raise errors.BssTimeout from error
        except requests.RequestException as error:
            raise errors.BssUnreachable from error
        if not location:
            raise errors.BssNoLocation
        return location
