"""The settings, read from the environment once."""

import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from io import StringIO
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values

from dreamlake_assets import auth
from dreamlake_assets.auth import TokenSettings
from dreamlake_assets.database import db

#: The secret that the public client signs its debug tokens with. Everybody knows it.
DEBUG_SECRET = "your-secret-key-change-this-in-production"  # noqa: S105

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")

_SYMMETRIC = {"HS256", "HS384", "HS512"}
_ASYMMETRIC = {
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
}

_DATABASE_URL_EXAMPLE = "postgresql://user@host:5432/dreamlake"

#: Every setting whose name begins with DREAMLAKE_.
_NAMES = (
    "DREAMLAKE_BSS_TIMEOUT",
    "DREAMLAKE_BSS_TOKEN",
    "DREAMLAKE_BSS_URL",
    "DREAMLAKE_CITUS",
    "DREAMLAKE_CORS_ORIGINS",
    "DREAMLAKE_CURSOR_SECRET",
    "DREAMLAKE_JWT_ALGORITHMS",
    "DREAMLAKE_JWT_AUDIENCE",
    "DREAMLAKE_JWT_ISSUER",
    "DREAMLAKE_JWT_JWKS_URL",
    "DREAMLAKE_JWT_PUBLIC_KEY",
    "DREAMLAKE_JWT_SECRET",
    "DREAMLAKE_JWT_SECRET_PREVIOUS",
    "DREAMLAKE_LOCAL_STACK",
    "DREAMLAKE_LOG_FORMAT",
    "DREAMLAKE_LOG_LEVEL",
    "DREAMLAKE_METRICS_TOKEN",
    "DREAMLAKE_PREPARED_STATEMENTS",
    "DREAMLAKE_SETTINGS_FILE",
    "DREAMLAKE_THREADS",
)

#: In lower case, and without the port that goes without saying: anything else would never match.
_ORIGIN = re.compile(
    r"(?:http(?!.*:80$)|https(?!.*:443$))://"
    r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?"
)


class SettingsError(ValueError):
    """A setting is missing or bad; the message is one line that says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between two places where the service runs.

    :param prepared_statements: whether statements are prepared.
    :param on_cluster: whether the database is a Citus cluster; it is asked if this is None.
    :param database_read_url: of a replica that answers GET, or None.
    :param bss_timeout: seconds that BSS may take to connect, and again to answer.
    :param metrics_token: what whoever reads /metrics must bear; None where nobody may.
    :param threads: of each worker: as many requests are served at once, each with a connection.
    :param cors_origins: whose pages may read answers.
    :param cursor_secret: signs the cursors of lists; the same in every process.
    :param previous_cursor_secret: signed those that clients may still hold, or None.
    """

    database_url: str = field(repr=False)
    prepared_statements: bool = True
    on_cluster: bool | None = None
    database_read_url: str | None = field(default=None, repr=False)
    tokens: TokenSettings
    bss_url: str = "http://127.0.0.1:10234"
    bss_token: str | None = field(default=None, repr=False)
    bss_timeout: float = 5.0
    metrics_token: str | None = field(default=None, repr=False)
    port: int = 10334
    threads: int = 8
    cors_origins: tuple[str, ...] = ()
    cursor_secret: str = field(repr=False)
    previous_cursor_secret: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """The settings of a process that serves.

        :raises SettingsError: a setting is missing or bad.
        """
        _check_names(environ)
        tokens = token_settings(environ)
        url = database_url(environ)
        cursor_secret = _optional(environ, "DREAMLAKE_CURSOR_SECRET")
        return cls(
            database_url=url,
            prepared_statements=_prepared_statements(environ),
            on_cluster=_on_cluster(environ),
            database_read_url=_database_url(environ, "DATABASE_READ_URL"),
            tokens=tokens,
            bss_url=_bss_url(environ) or "http://127.0.0.1:10234",
            bss_token=_bearer_token(
                environ, "DREAMLAKE_BSS_TOKEN", "[!-~]+", "visible ASCII characters only"
            ),
            bss_timeout=_number(environ, "DREAMLAKE_BSS_TIMEOUT", 5.0, least=0.1, most=60.0),
            metrics_token=_bearer_token(
                environ,
                "DREAMLAKE_METRICS_TOKEN",
                "[!-~]{16,}",
                "16 or more visible ASCII characters",
            ),
            port=port(environ),
            threads=threads(environ),
            cors_origins=cors_origins(environ),
            cursor_secret=cursor_secret or tokens.secret or url,
            previous_cursor_secret=None if cursor_secret else tokens.previous_secret,
        )


#: The environment that gunicorn serves with, once it does; a later one may be refused.
accepted: dict[str, str] | None = None

#: What the settings of the file took the place of.
_replaced: dict[str, str | None] = {}


def read_file(environ: MutableMapping[str, str] = os.environ) -> None:
    """Put the settings of the file that DREAMLAKE_SETTINGS_FILE names into the environment.

    Those that an earlier call took from it are taken out first. The lines of the file are as in an
    EnvironmentFile of systemd: ``NAME=value``, comments begin with ``#``.

    :raises SettingsError: the file cannot be read.
    """
    for name, value in _replaced.items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
    _replaced.clear()
    path = _optional(environ, "DREAMLAKE_SETTINGS_FILE")
    if path is None:
        return
    try:
        content = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"DREAMLAKE_SETTINGS_FILE cannot be read: {error}") from None
    for name, value in dotenv_values(stream=StringIO(content), interpolate=False).items():
        _replaced[name] = environ.get(name)
        environ[name] = value or ""


def database_url(environ: Mapping[str, str] = os.environ) -> str:
    """The setting DATABASE_URL.

    :raises SettingsError: DATABASE_URL is missing or bad.
    """
    url = _database_url(environ, "DATABASE_URL")
    if url is None:
        raise SettingsError(f"DATABASE_URL is missing, such as {_DATABASE_URL_EXAMPLE}")
    return url


def token_settings(environ: Mapping[str, str] = os.environ) -> TokenSettings:
    """The settings of tokens.

    :raises SettingsError: a setting that begins with DREAMLAKE_JWT is missing or bad.
    """
    secret = _optional(environ, "DREAMLAKE_JWT_SECRET")
    public_key = _optional(environ, "DREAMLAKE_JWT_PUBLIC_KEY")
    jwks_url = _http_url(environ, "DREAMLAKE_JWT_JWKS_URL")
    if sum(key is not None for key in (secret, public_key, jwks_url)) != 1:
        raise SettingsError(
            "set exactly one of DREAMLAKE_JWT_SECRET, DREAMLAKE_JWT_PUBLIC_KEY and"
            " DREAMLAKE_JWT_JWKS_URL"
        )
    previous_secret = _optional(environ, "DREAMLAKE_JWT_SECRET_PREVIOUS")
    if previous_secret is not None and secret is None:
        raise SettingsError("DREAMLAKE_JWT_SECRET_PREVIOUS goes with DREAMLAKE_JWT_SECRET only")
    algorithms = _algorithms(environ, symmetric=secret is not None)
    if environ.get("DREAMLAKE_LOCAL_STACK") != "1":
        _check_secret("DREAMLAKE_JWT_SECRET", secret, algorithms)
        _check_secret("DREAMLAKE_JWT_SECRET_PREVIOUS", previous_secret, algorithms)
    if public_key is not None:
        public_key = _pem(public_key, algorithms)
    return TokenSettings(
        secret=secret,
        previous_secret=previous_secret,
        public_key=public_key,
        jwks_url=jwks_url,
        algorithms=algorithms,
        audience=_optional(environ, "DREAMLAKE_JWT_AUDIENCE"),
        issuer=_optional(environ, "DREAMLAKE_JWT_ISSUER"),
    )


def _check_names(environ: Mapping[str, str]) -> None:
    """Refuse what was mistyped: a misspelt audience would go unchecked without a word.

    Other names may begin with DREAMLAKE_, too: those of the client's settings do.
    """
    for name in sorted(environ):
        if name.startswith("DREAMLAKE_") and name not in _NAMES:
            for meant in get_close_matches(name, _NAMES, n=1, cutoff=0.9):
                raise SettingsError(f"{name} is no setting; {meant} is")


def _prepared_statements(environ: Mapping[str, str]) -> bool:
    given = _optional(environ, "DREAMLAKE_PREPARED_STATEMENTS") or "on"
    if given not in ("on", "off"):
        raise SettingsError(f"DREAMLAKE_PREPARED_STATEMENTS must be on or off, not {given!r}")
    return given == "on"


def _on_cluster(environ: Mapping[str, str]) -> bool | None:
    choices = {None: None, "auto": None, "on": True, "off": False}
    given = _optional(environ, "DREAMLAKE_CITUS")
    if given not in choices:
        raise SettingsError(f"DREAMLAKE_CITUS must be on, off or auto, not {given!r}")
    return choices[given]


def _bearer_token(
    environ: Mapping[str, str], name: str, pattern: str, characters: str
) -> str | None:
    token = _optional(environ, name)
    if token is not None and not re.fullmatch(pattern, token):
        raise SettingsError(f"{name} must have {characters}")
    return token


def port(environ: Mapping[str, str] = os.environ) -> int:
    """The setting PORT.

    :raises SettingsError: PORT is no port.
    """
    return _whole_number(environ, "PORT", 10334, least=1, most=65535)


def workers(environ: Mapping[str, str] = os.environ) -> int:
    """The setting WEB_CONCURRENCY: how many processes serve.

    :raises SettingsError: WEB_CONCURRENCY is no number of processes.
    """
    return _whole_number(environ, "WEB_CONCURRENCY", os.cpu_count() or 1, least=1, most=1024)


def threads(environ: Mapping[str, str] = os.environ) -> int:
    """The setting DREAMLAKE_THREADS: how many requests each process serves at once.

    :raises SettingsError: DREAMLAKE_THREADS is no number of threads.
    """
    return _whole_number(environ, "DREAMLAKE_THREADS", 8, least=1, most=256)


def cors_origins(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The setting DREAMLAKE_CORS_ORIGINS: whose pages may read answers.

    :raises SettingsError: DREAMLAKE_CORS_ORIGINS has something else than origins.
    """
    given = _optional(environ, "DREAMLAKE_CORS_ORIGINS")
    if given is None:
        return ()
    origins = tuple(origin.strip() for origin in given.split(","))
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise SettingsError(
            "DREAMLAKE_CORS_ORIGINS must be origins as browsers send them, separated by commas,"
            " such as https://app.example.org,http://localhost:3000"
        )
    return origins


def log_format(environ: Mapping[str, str] = os.environ) -> Literal["json", "text"] | None:
    """The setting DREAMLAKE_LOG_FORMAT; None where it is not given.

    :raises SettingsError: DREAMLAKE_LOG_FORMAT is neither json nor text.
    """
    given = _optional(environ, "DREAMLAKE_LOG_FORMAT")
    if given not in (None, "json", "text"):
        raise SettingsError(f"DREAMLAKE_LOG_FORMAT must be json or text, not {given!r}")
    return given


def log_level(environ: Mapping[str, str] = os.environ) -> str:
    """The setting DREAMLAKE_LOG_LEVEL.

    :raises SettingsError: DREAMLAKE_LOG_LEVEL is no level.
    """
    given = _optional(environ, "DREAMLAKE_LOG_LEVEL") or "info"
    if given not in LOG_LEVELS:
        raise SettingsError(
            f"DREAMLAKE_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}, not {given!r}"
        )
    return given


def _check_secret(name: str, secret: str | None, algorithms: tuple[str, ...]) -> None:
    if secret is None:
        return
    if secret == DEBUG_SECRET:
        raise SettingsError(f"{name} is the published debug secret; choose one of your own")
    # HS256 asks for 256 bits.
    least = max(int(algorithm[2:]) for algorithm in algorithms) // 8
    if len(secret.encode()) < least:
        raise SettingsError(f"{name} must have {least} bytes or more")
    _check_key(name, secret, algorithms)


def _check_key(name: str, key: str, algorithms: tuple[str, ...]) -> None:
    try:
        auth.check_key(key, algorithms)
    except ValueError as error:
        raise SettingsError(f"{name} is bad: {error}") from None


def _pem(text: str, algorithms: tuple[str, ...]) -> str:
    # Many places that set an environment cannot hold a line break.
    text = text.replace("\\n", "\n")
    if not text.startswith("-----BEGIN ") or "PRIVATE KEY" in text:
        raise SettingsError("DREAMLAKE_JWT_PUBLIC_KEY must be a public key in PEM")
    _check_key("DREAMLAKE_JWT_PUBLIC_KEY", text, algorithms)
    return text


def _algorithms(environ: Mapping[str, str], *, symmetric: bool) -> tuple[str, ...]:
    given = _optional(environ, "DREAMLAKE_JWT_ALGORITHMS")
    if given is None:
        return ("HS256",) if symmetric else ("RS256",)
    names = tuple(name.strip() for name in given.split(","))
    allowed = _SYMMETRIC if symmetric else _ASYMMETRIC
    for name in names:
        if name not in allowed:
            # A public key that is accepted as the secret of HS256 lets anybody sign. What is no
            # algorithm is not quoted: it may be a secret under the wrong name.
            shown = repr(name) if name in _SYMMETRIC | _ASYMMETRIC else "something else"
            raise SettingsError(
                f"DREAMLAKE_JWT_ALGORITHMS has {shown}, but this key goes with"
                f" {', '.join(sorted(allowed))}"
            )
    return names


def _optional(environ: Mapping[str, str], name: str) -> str | None:
    return environ.get(name, "").strip() or None


def _database_url(environ: Mapping[str, str], name: str) -> str | None:
    url = _optional(environ, name)
    if url is not None:
        try:
            db.check_url(url)
        except ValueError as error:
            raise SettingsError(
                f"{name} is bad: {error}; give one such as {_DATABASE_URL_EXAMPLE}"
            ) from None
    return url


def _bss_url(environ: Mapping[str, str]) -> str | None:
    url = _http_url(environ, "DREAMLAKE_BSS_URL")
    if url is not None and ("?" in url or "#" in url):
        # Paths are put behind it. What a query holds would be shown by whatever shows the address.
        raise SettingsError("DREAMLAKE_BSS_URL must have no query and no fragment")
    return url


def _http_url(environ: Mapping[str, str], name: str) -> str | None:
    url = _optional(environ, name)
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        # It would be shown by whatever shows the address.
        valid = valid and "@" not in parts.netloc
    except ValueError:
        valid = False
    if not valid:
        # It is not quoted: what is wrong with it may be where its password stands.
        raise SettingsError(f"{name} must be an http or https URL without user and password")
    return url.rstrip("/")


def _number(
    environ: Mapping[str, str], name: str, default: float, *, least: float, most: float
) -> float:
    text = _optional(environ, name)
    try:
        number = default if text is None else float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise SettingsError(f"{name} must be a number from {least:g} to {most:g}, not {text!r}")
    return number


def _whole_number(
    environ: Mapping[str, str], name: str, default: int, *, least: int, most: int
) -> int:
    number = _number(environ, name, default, least=least, most=most)
    if number != int(number):
        raise SettingsError(f"{name} must be a whole number, not {environ[name]!r}")
    return int(number)
