"""Authentication by bearer tokens. Only this module and :mod:`.issuer_keys` import PyJWT."""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt
from cachetools import TLRUCache
from jwt.exceptions import InvalidSubjectError

from dreamlake_assets import limits
from dreamlake_assets.config import SettingsError, TokenSettings
from dreamlake_assets.errors import Unauthenticated
from dreamlake_assets.model.names import InvalidName, check_text

if TYPE_CHECKING:
    from dreamlake_assets.issuer_keys import IssuerKeys

#: Seconds by which the clocks of issuer and service may differ.
LEEWAY = 10
#: Seconds after which a cached token is verified again.
CACHE_SECONDS = 300
#: The largest number of cached tokens.
CACHE_TOKENS = 4096


def check_keys(settings: TokenSettings) -> None:
    """Check that each key is valid for every configured algorithm.

    :raises SettingsError: a key is of another kind, too short or malformed. The message does not
        quote the key.
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
                raise SettingsError(f"{name} is not a valid {algorithm_name} key") from error
            if too_short := algorithm.check_key_length(prepared):
                raise SettingsError(f"{name} is too short: {too_short}")


def bearer_token(authorization: str | None) -> str:
    """Return the bearer token in an Authorization header, or an empty string."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class _Verified(NamedTuple):
    subject: str
    until: float  # on the clock of time.time()


class Authenticator:
    """Verifies tokens and caches their subjects."""

    def __init__(
        self, settings: TokenSettings, *, concurrency: int = 1, ca_file: str | None = None
    ):
        """Start fetching the keys of the issuer, if the settings name one.

        :param concurrency: the number of threads that may wait for the issuer at once. A token
            with a known key never waits.
        :param ca_file: the setting DREAMLAKE_CA_FILE.
        """
        self._settings = settings
        self._lock = Lock()
        self._clear_cache()
        self._issuer_keys = _issuer_keys(settings, concurrency, self._clear_cache, ca_file)

    def close(self) -> None:
        """Stop fetching keys."""
        if self._issuer_keys is not None:
            self._issuer_keys.close()

    def subject(self, authorization: str | None) -> str:
        """Return the subject of the token in an Authorization header.

        :param authorization: the value of the header, or None without one.
        :raises Unauthenticated: the token is missing or invalid.
        :raises Unavailable: the keys of the issuer cannot be fetched.
        """
        token = bearer_token(authorization)
        if not token:
            raise Unauthenticated
        cache = self._verified
        with self._lock:
            verified = cache.get(token)
        if verified is None:
            verified = self._verify(token)
            # If the keys have changed meanwhile, a new cache has replaced this one.
            with self._lock:
                cache[token] = verified
        return verified.subject

    def _clear_cache(self) -> None:
        """Empty the cache, so that every token is verified again."""
        self._verified: TLRUCache[str, _Verified] = TLRUCache(
            CACHE_TOKENS, ttu=_cached_until, timer=time.time
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
            raise Unauthenticated(_sentence(error), token_given=True) from error
        until = time.time() + CACHE_SECONDS
        if "exp" in claims:
            # PyJWT also accepts an exp that is a string of digits.
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


def _issuer_keys(
    settings: TokenSettings, concurrency: int, on_change: Callable[[], None], ca_file: str | None
) -> "IssuerKeys | None":
    if settings.jwks_url is None:
        return None
    # Imported only now: the command line signs tokens without loading requests.
    from dreamlake_assets.issuer_keys import IssuerKeys  # noqa: PLC0415

    return IssuerKeys(
        settings.jwks_url,
        concurrency=concurrency,
        on_change=on_change,
        ca_file=ca_file,
    )


def _cached_until(_token: str, verified: _Verified, _now: float) -> float:
    return verified.until


def _sentence(error: Exception) -> str:
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
            return "The token has no subject."
        case _:
            return "The token cannot be verified."


def sign(settings: TokenSettings, subject: str, ttl_seconds: int) -> str:
    """Return a token, signed with the secret and its first algorithm.

    :param subject: the claim ``sub``.
    :param ttl_seconds: the validity of the token, in seconds.
    :raises ValueError: the settings have no secret: the issuer signs the tokens.
    """
    if settings.secret is None:
        raise ValueError(
            "DREAMLAKE_JWT_SECRET is not set, so only the issuer of the tokens can sign one"
        )
    now = int(time.time())
    claims: dict[str, Any] = {"sub": subject, "iat": now, "exp": now + ttl_seconds}
    if settings.audience is not None:
        claims["aud"] = settings.audience
    if settings.issuer is not None:
        claims["iss"] = settings.issuer
    return jwt.encode(claims, settings.secret, algorithm=settings.algorithms[0])
