"""The keys that an issuer of tokens publishes at a JWKS URL."""

import logging
import time
from collections.abc import Callable, Iterable
from threading import BoundedSemaphore, Condition, Thread
from typing import Any

import jwt

from dreamlake_assets.errors import Unavailable

_log = logging.getLogger(__name__)

#: Seconds after which the keys of the issuer are fetched again: as long may one count that it has
#: withdrawn.
JWKS_SECONDS = 300
#: As long do they count while the issuer is away; a token that was verified at the end of it counts
#: ``CACHE_SECONDS`` more. An hour in all.
JWKS_STALE_SECONDS = 3300
#: There is at most one fetch in so many seconds for tokens whose key is not known.
JWKS_PAUSE_SECONDS = 10
#: Seconds between two fetches while they fail.
JWKS_RETRY_SECONDS = 2
#: Seconds that a fetch may take, and that a request waits for it.
JWKS_TIMEOUT_SECONDS = 3

_NO_KEYS = "The keys of the token issuer cannot be fetched; try again."


class IssuerKeys:
    """The keys that the issuer of tokens publishes. One thread fetches them; nobody else asks.

    Whoever has a token with a known key never waits for the issuer. Tokens with unknown keys, which
    anybody can make, cause one fetch in ``JWKS_PAUSE_SECONDS``, however many there are; few of them
    wait for it, and none while the issuer is known to be away.
    """

    def __init__(
        self,
        url: str,
        algorithms: Iterable[str],
        *,
        concurrency: int,
        on_change: Callable[[], None],
    ):
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=JWKS_TIMEOUT_SECONDS)
        self._algorithms = algorithms
        self._on_change = on_change
        self._places = BoundedSemaphore(concurrency)

        # Of the thread; others read it, each in one step, without a lock.
        self._published: dict[str, Any] = {}
        self._keys: dict[str, jwt.PyJWK] = {}
        self._stale_at = 0.0
        self._failing = False

        # What the thread and those who wait for it tell each other. Not held during a fetch.
        self._condition = Condition()
        self._fetches = 0
        self._pause_until = 0.0
        self._wanted = False
        self._closed = False
        Thread(target=self._keep_fresh, name="issuer-keys", daemon=True).start()

    def close(self) -> None:
        """Fetch no more keys."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def key_of(self, token: str) -> jwt.PyJWK:
        """The key that a token names.

        :raises jwt.PyJWTError: it names none, or none that the issuer publishes.
        :raises Unavailable: the keys cannot be fetched, which says nothing about the token.
        """
        key_id = jwt.get_unverified_header(token).get("kid")
        if key_id is None:
            raise jwt.InvalidTokenError("The token names no key")
        key = self._known(key_id)
        if key is None:
            self._wait_for_fetch()
            key = self._known(key_id)
        if key is not None:
            return key
        if self._failing or not self._keys:
            raise Unavailable(_NO_KEYS)
        raise jwt.InvalidTokenError("The issuer publishes no such key")

    def _known(self, key_id: str) -> jwt.PyJWK | None:
        return self._keys.get(key_id) if time.monotonic() < self._stale_at else None

    def _wait_for_fetch(self) -> None:
        """Wait until the next fetch is done, unless there is to be none now."""
        if not self._places.acquire(blocking=False):
            raise Unavailable(_NO_KEYS)
        try:
            with self._condition:
                if self._failing or time.monotonic() < self._pause_until:
                    return
                begun = self._fetches
                self._wanted = True
                self._condition.notify_all()
                if not self._condition.wait_for(
                    lambda: self._fetches > begun, JWKS_TIMEOUT_SECONDS
                ):
                    raise Unavailable(_NO_KEYS)
        finally:
            self._places.release()

    def _keep_fresh(self) -> None:
        while not self._closed:
            failing = not self._fetch()
            with self._condition:
                self._failing = failing
                self._fetches += 1
                self._pause_until = time.monotonic() + JWKS_PAUSE_SECONDS
                self._wanted = False
                self._condition.notify_all()
                self._condition.wait_for(
                    lambda: self._wanted or self._closed,
                    JWKS_RETRY_SECONDS if failing else JWKS_SECONDS,
                )

    def _fetch(self) -> bool:
        begun = time.monotonic()
        try:
            published = self._client.fetch_data()
            if published != self._published:
                self._keys = _signing_keys(published, self._algorithms)
                self._published = published
                self._on_change()
        except Exception as error:  # noqa: BLE001
            # Whatever an issuer answers: without this thread, no key would ever be fetched again.
            if not self._failing:
                _log.warning("the keys of the token issuer cannot be fetched: %r", error)
            return False
        self._stale_at = begun + JWKS_STALE_SECONDS
        return True


def _signing_keys(published: dict[str, Any], algorithms: Iterable[str]) -> dict[str, jwt.PyJWK]:
    """The keys that may sign tokens, by their id.

    :raises jwt.PyJWTError: the issuer did not publish a set of keys.
    """
    if published.get("keys") == []:
        # All of them were withdrawn; PyJWT takes this for an error.
        return {}
    return {
        key.key_id: key
        for key in jwt.PyJWKSet.from_dict(published).keys
        if isinstance(key.key_id, str)
        and key.public_key_use in ("sig", None)
        and key.algorithm_name in algorithms
        and not key.Algorithm.check_key_length(key.key)
    }
