"""Who is asking: tokens, verified with PyJWT. The only module that imports it."""

import time
from threading import Lock
from typing import Any

import jwt
from cachetools import TLRUCache
from jwt.exceptions import InvalidSubjectError

from dreamlake_assets.config import TokenSettings
from dreamlake_assets.errors import Unauthenticated, Unavailable
from dreamlake_assets.names import InvalidName, check_text

#: Seconds that the clocks of issuer and service may differ.
LEEWAY = 10
#: Seconds after which a verified token is verified again, so that a withdrawn key counts.
CACHE_SECONDS = 300
CACHE_TOKENS = 4096
MAXIMUM_TOKEN_BYTES = 8192

_JWKS_TIMEOUT_SECONDS = 3
_JWKS_PAUSE_SECONDS = 1
_NO_KEYS = "The keys of the token issuer cannot be fetched; try again."


class _IssuerKeys(jwt.PyJWKClient):
    """The keys that the issuer of tokens publishes."""

    _paused_until = 0.0

    def fetch_data(self) -> Any:
        """Fetch them; one request at a time does, under a lock of PyJWKClient.

        :raises Unavailable: nothing comes, or no keys: which says nothing about the token.
        """
        # Those who waited for the lock meanwhile must not wait for the issuer one after the other.
        if time.monotonic() < self._paused_until:
            raise Unavailable(_NO_KEYS)
        try:
            return super().fetch_data()
        except (jwt.PyJWTError, OSError, ValueError) as error:
            self._paused_until = time.monotonic() + _JWKS_PAUSE_SECONDS
            raise Unavailable(_NO_KEYS) from error


class Authenticator:
    """Tells the subject of a token."""

    def __init__(self, settings: TokenSettings):
        self._settings = settings
        self._jwks = (
            _IssuerKeys(settings.jwks_url, lifespan=CACHE_SECONDS, timeout=_JWKS_TIMEOUT_SECONDS)
            if settings.jwks_url
            else None
        )
        self._verified: TLRUCache[str, dict[str, Any]] = TLRUCache(
            CACHE_TOKENS, ttu=_until, timer=time.time
        )
        self._lock = Lock()

    def subject(self, authorization: str | None) -> str:
        """The subject of the token in an Authorization header.

        :raises Unauthenticated: there is no token, or it does not verify.
        :raises Unavailable: the issuer's keys cannot be fetched.
        """
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated
        with self._lock:
            claims = self._verified.get(token)
        if claims is None:
            claims = self._verify(token)
            with self._lock:
                self._verified[token] = claims
        return claims["sub"]

    def _verify(self, token: str) -> dict[str, Any]:
        if len(token) > MAXIMUM_TOKEN_BYTES:
            raise Unauthenticated("The token is too long.", token_given=True)
        settings = self._settings
        try:
            claims = jwt.decode(
                token,
                self._key(token),
                algorithms=list(settings.algorithms),
                audience=settings.audience,
                issuer=settings.issuer,
                leeway=LEEWAY,
                options={"require": ["sub"], "verify_aud": settings.audience is not None},
            )
            if not claims["sub"]:
                raise InvalidSubjectError("The subject is empty")
            check_text(claims["sub"])
        except (jwt.PyJWTError, InvalidName) as error:
            raise Unauthenticated(_reason(error), token_given=True) from error
        return claims

    def _key(self, token: str) -> Any:
        if self._jwks is not None:
            return self._jwks.get_signing_key_from_jwt(token)
        return self._settings.secret or self._settings.public_key


def _until(_token: str, claims: dict[str, Any], now: float) -> float:
    until = now + CACHE_SECONDS
    # PyJWT takes an exp that is a string of digits, too.
    return min(int(claims["exp"]), until) if "exp" in claims else until


def _reason(error: Exception) -> str:
    match error:
        case jwt.ExpiredSignatureError():
            return "The token has expired."
        case jwt.ImmatureSignatureError():
            return "The token is not valid yet."
        case jwt.InvalidAudienceError():
            return "The token is for another audience."
        case jwt.InvalidIssuerError():
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
