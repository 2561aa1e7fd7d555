"""Who is asking: tokens, verified with PyJWT. The only module that imports it."""

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import BoundedSemaphore, Condition, Lock, Thread
from typing import Any, NamedTuple

import jwt
from cachetools import TLRUCache
from jwt.exceptions import InvalidSubjectError

from dreamlake_assets.config import SettingsError, TokenSettings
from dreamlake_assets.errors import Unauthenticated, Unavailable
from dreamlake_assets.model.names import InvalidName, check_text

_log = logging.getLogger(__name__)

#: Seconds that the clocks of issuer and service may differ.
LEEWAY = 10
#: Seconds after which a verified token is verified again.
CACHE_SECONDS = 300
CACHE_TOKENS = 4096
MAXIMUM_TOKEN_BYTES = 8192

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


def check_keys(settings: TokenSettings) -> None:
    """Refuse a key that does not go with every one of its algorithms.

    :raises SettingsError: it is of another kind, too short, or no key at all; never quotes it.
    """
    for name, key in (
        ("DREAMLAKE_JWT_SECRET", settings.secret),
        ("DREAMLAKE_JWT_SECRET_PREVIOUS", settings.previous_secret),
        ("DREAMLAKE_JWT_PUBLIC_KEY", settings.public_key),
    ):
        for algorithm_name in settings.algorithms if key is not None else ():
            algorithm = jwt.get_algorithm_by_name(algorithm_name)
            try:
                prepared = algorithm.prepare_key(key)
            except (jwt.InvalidKeyError, TypeError, ValueError) as error:
                raise SettingsError(f"{name} is bad: it is no key of {algorithm_name}") from error
            if too_short := algorithm.check_key_length(prepared):
                raise SettingsError(f"{name} is bad: {too_short}")


def bearer_token(authorization: str | None) -> str:
    """The token in an Authorization header; empty where there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class _Verified(NamedTuple):
    subject: str
    until: float  # by time.time(); the token is verified again then


class Authenticator:
    """Tells the subject of a token."""

    def __init__(self, settings: TokenSettings, *, concurrency: int = 1):
        """Begin to fetch the keys of the issuer, where there is one.

        :param concurrency: how many threads may wait for the issuer at once; those whose tokens
            have a known key never wait.
        """
        self._settings = settings
        self._lock = Lock()
        self._forget()
        self._issuer_keys = (
            _IssuerKeys(
                settings.jwks_url,
                settings.algorithms,
                concurrency=concurrency,
                on_change=self._forget,
            )
            if settings.jwks_url is not None
            else None
        )

    def close(self) -> None:
        """Fetch no more keys."""
        if self._issuer_keys is not None:
            self._issuer_keys.close()

    def subject(self, authorization: str | None) -> str:
        """The subject of the token in an Authorization header.

        :raises Unauthenticated: there is no token, or it does not verify.
        :raises Unavailable: the issuer's keys cannot be fetched.
        """
        token = bearer_token(authorization)
        if not token:
            raise Unauthenticated
        cache = self._verified
        with self._lock:
            verified = cache.get(token)
        if verified is None:
            verified = self._verify(token)
            # Where the keys have changed meanwhile, nobody looks into this cache any more.
            with self._lock:
                cache[token] = verified
        return verified.subject

    def _forget(self) -> None:
        """Let every token be verified again."""
        self._verified: TLRUCache[str, _Verified] = TLRUCache(
            CACHE_TOKENS, ttu=_until, timer=time.time
        )

    def _verify(self, token: str) -> _Verified:
        if len(token) > MAXIMUM_TOKEN_BYTES:
            raise Unauthenticated("The token is too long.", token_given=True)
        try:
            claims = self._claims(token)
            if not claims["sub"]:
                raise InvalidSubjectError("The subject is empty")
            check_text(claims["sub"])
        except (jwt.PyJWTError, InvalidName) as error:
            raise Unauthenticated(_reason(error), token_given=True) from error
        until = time.time() + CACHE_SECONDS
        if "exp" in claims:
            # PyJWT takes an exp that is a string of digits, too.
            until = min(until, int(claims["exp"]))
        return _Verified(claims["sub"], until)

    def _claims(self, token: str) -> dict[str, Any]:
        settings = self._settings
        if self._issuer_keys is not None:
            return self._decode(token, self._issuer_keys.key_of(token))
        if settings.previous_secret is not None:
            with suppress(jwt.InvalidSignatureError):
                return self._decode(token, settings.secret)
            return self._decode(token, settings.previous_secret)
        return self._decode(token, settings.secret or settings.public_key)

    def _decode(self, token: str, key: Any) -> dict[str, Any]:
        settings = self._settings
        return jwt.decode(
            token,
            key,
            algorithms=settings.algorithms,
            audience=settings.audience,
            issuer=settings.issuer,
            leeway=LEEWAY,
            options={"require": ["sub"], "verify_aud": settings.audience is not None},
        )


def _until(_token: str, verified: _Verified, _now: float) -> float:
    return verified.until


class _IssuerKeys:
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


def _reason(error: Exception) -> str:
    match error:
        case jwt.ExpiredSignatureError():
            return "The token has expired."
        case jwt.ImmatureSignatureError():
            return "The token is not valid yet."
        case jwt.InvalidAudienceError() | jwt.MissingRequiredClaimError(claim="aud"):
            return "The token is for another audience."
        case jwt.InvalidIssuerError() | jwt.MissingRequiredClaimError(claim="iss"):
            return "The token is from another issuer."
        case jwt.MissingRequiredClaimError() | InvalidSubjectError() | InvalidName():
            return "The token names no subject."
        case _:
            return "The token does not verify."


def sign(settings: TokenSettings, subject: str, ttl_seconds: int) -> str:
    """A token for a subject, signed with the secret of HS256.

    :raises ValueError: tokens are verified with a public key, so they are signed elsewhere.
    """
    if settings.secret is None:
        raise ValueError("tokens are signed by their issuer; only DREAMLAKE_JWT_SECRET signs here")
    now = int(time.time())
    claims: dict[str, Any] = {"sub": subject, "iat": now, "exp": now + ttl_seconds}
    if settings.audience is not None:
        claims["aud"] = settings.audience
    if settings.issuer is not None:
        claims["iss"] = settings.issuer
    return jwt.encode(claims, settings.secret, algorithm=settings.algorithms[0])
