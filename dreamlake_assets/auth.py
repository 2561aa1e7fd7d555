"""Who is asking: tokens, verified with PyJWT. The only module that imports it."""

import time
from contextlib import suppress
from threading import Lock
from typing import Any, NamedTuple

import jwt
from cachetools import TLRUCache
from jwt.exceptions import InvalidSubjectError

from dreamlake_assets import limits
from dreamlake_assets.config import SettingsError, TokenSettings
from dreamlake_assets.errors import Unauthenticated
from dreamlake_assets.issuer_keys import IssuerKeys
from dreamlake_assets.model.names import InvalidName, check_text

#: Seconds that the clocks of issuer and service may differ.
LEEWAY = 10
#: Seconds after which a verified token is verified again.
CACHE_SECONDS = 300
CACHE_TOKENS = 4096


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
            IssuerKeys(
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
        if len(token) > limits.TOKEN:
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
