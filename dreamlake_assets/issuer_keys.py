"""The public keys of a token issuer, fetched from its JWKS URL (RFC 7517)."""

import json
import logging
import time
from collections.abc import Callable
from threading import BoundedSemaphore, Condition, Thread
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import jwt

from dreamlake_assets.errors import Unavailable
from dreamlake_assets.transport import Transport, Unanswered

_log = logging.getLogger(__name__)

#: Seconds between two fetches of the keys. A withdrawn key stays valid for up to this long.
JWKS_SECONDS = 300
#: Seconds that fetched keys stay valid while the issuer is unreachable. A token verified at the end
#: of that time stays cached for ``CACHE_SECONDS`` more: an hour in all.
JWKS_STALE_SECONDS = 3300
#: Seconds from a fetch until a token with an unknown key may cause the next one.
JWKS_PAUSE_SECONDS = 10
#: Seconds between two fetches while they fail.
JWKS_RETRY_SECONDS = 2
#: The timeout of a fetch, and of a request that waits for one, in seconds.
JWKS_TIMEOUT_SECONDS = 3

_NO_KEYS = "The keys of the token issuer cannot be fetched; try again."


class IssuerKeys:
    """The keys of a token issuer. A single thread fetches them.

    A request whose token has a known key never waits for the issuer. Anybody can make tokens with
    unknown keys, so all such tokens together cause at most one fetch in ``JWKS_PAUSE_SECONDS``.
    ``concurrency`` requests may wait for that fetch, and none while fetches fail.
    """

    def __init__(
        self,
        url: str,
        *,
        concurrency: int,
        on_change: Callable[[], None],
        ca_file: str | None = None,
    ):
        """Start the thread that fetches the keys.

        :param url: the JWKS URL.
        :param concurrency: the number of threads that may wait for a fetch at once.
        :param on_change: called in the thread when the published keys have changed.
        :param ca_file: the setting DREAMLAKE_CA_FILE.
        """
        parts = urlsplit(url)
        self._target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        self._transport = Transport(url, 1, ca_file=ca_file)
        self._on_change = on_change
        self._slots = BoundedSemaphore(concurrency)

        # Written by the fetching thread. Other threads read each attribute once, without a lock.
        self._published: dict[str, Any] = {}
        self._keys: dict[str, jwt.PyJWK] = {}
        self._stale_at = 0.0
        self._failing = False

        # Guards the attributes that the fetching thread and the waiting threads share. No thread
        # holds it during a fetch.
        self._condition = Condition()
        self._fetches = 0
        self._pause_until = 0.0
        self._fetch_requested = False
        self._closed = False
        Thread(target=self._keep_fresh, name="issuer-keys", daemon=True).start()

    def close(self) -> None:
        """Stop fetching keys."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def key_of(self, token: str) -> jwt.PyJWK:
        """Return the key that a token names in its header ``kid``.

        :raises jwt.PyJWTError: the token names no key, or a key that the issuer does not publish.
        :raises Unavailable: the keys cannot be fetched, so the validity of the token is unknown.
        """
        key_id = jwt.get_unverified_header(token).get("kid")
        if key_id is None:
            raise jwt.InvalidTokenError("The token has no kid")
        key = self._valid_key(key_id)
        if key is None:
            self._wait_for_fetch()
            key = self._valid_key(key_id)
        if key is not None:
            return key
        if self._failing or not self._keys:
            raise Unavailable(_NO_KEYS)
        raise jwt.InvalidTokenError("The issuer does not publish this key")

    def _valid_key(self, key_id: str) -> jwt.PyJWK | None:
        return self._keys.get(key_id) if time.monotonic() < self._stale_at else None

    def _wait_for_fetch(self) -> None:
        """Request a fetch and wait for it. Return at once if none is allowed now."""
        if not self._slots.acquire(blocking=False):
            raise Unavailable(_NO_KEYS)
        try:
            with self._condition:
                if self._failing or time.monotonic() < self._pause_until:
                    return
                started = self._fetches
                self._fetch_requested = True
                self._condition.notify_all()
                if not self._condition.wait_for(
                    lambda: self._fetches > started, JWKS_TIMEOUT_SECONDS
                ):
                    raise Unavailable(_NO_KEYS)
        finally:
            self._slots.release()

    def _keep_fresh(self) -> None:
        while not self._closed:
            failing = not self._fetch()
            with self._condition:
                self._failing = failing
                self._fetches += 1
                self._pause_until = time.monotonic() + JWKS_PAUSE_SECONDS
                self._fetch_requested = False
                self._condition.notify_all()
                self._condition.wait_for(
                    lambda: self._fetch_requested or self._closed,
                    JWKS_RETRY_SECONDS if failing else JWKS_SECONDS,
                )

    def _fetch(self) -> bool:
        started = time.monotonic()
        try:
            published = self._download()
            if published != self._published:
                self._keys = _signing_keys(published)
                self._published = published
                self._on_change()
        except Exception as error:  # noqa: BLE001
            # The thread must survive any response of the issuer: without it, no keys would ever be
            # fetched again.
            if not self._failing:
                reason = str(error) if isinstance(error, Unanswered) else repr(error)
                _log.warning("the keys of the token issuer cannot be fetched: %s", reason)
            return False
        self._stale_at = started + JWKS_STALE_SECONDS
        return True

    def _download(self) -> Any:
        headers = {"Accept": "application/json, application/jwk-set+json", "Connection": "close"}
        with self._transport.get(self._target, headers, JWKS_TIMEOUT_SECONDS) as response:
            if response.status != 200:
                raise jwt.PyJWKClientError(f"status {response.status}")
            return json.loads(response.read())


def _signing_keys(published: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """Return the keys that may sign tokens, by their ``kid``.

    :raises jwt.PyJWTError: the issuer did not publish a set of keys.
    """
    if published.get("keys") == []:
        # The issuer has withdrawn all keys. PyJWT treats an empty set as an error.
        return {}
    return {
        key.key_id: key
        for key in jwt.PyJWKSet.from_dict(published).keys
        if isinstance(key.key_id, str)
        and key.public_key_use in ("sig", None)
        and not key.Algorithm.check_key_length(key.key)
    }
