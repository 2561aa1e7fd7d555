"""The settings: one table of names, parsers, defaults and descriptions, read from the environment.

The rows of the table are the fields of :class:`TokenSettings` and :class:`Settings`.
``deploy/README.md`` documents it for operators, and a test compares the two. Checks that need a
library are in the module that uses that library: database URLs in :mod:`.database.connection`, keys
in :mod:`.auth`.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal

from dreamlake_assets import setting_parsers as parse

#: The published secret with which the public client signs its debug tokens.
DEBUG_SECRET = "your-secret-key-change-this-in-production"  # noqa: S105

DATABASE_URL_EXAMPLE = "postgresql://user@host:5432/dreamlake"


class SettingsError(ValueError):
    """A setting is missing or invalid; the message is one line with its name and the reason."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table.

    :param name: name of the environment variable.
    :param parser: a function of :mod:`.setting_parsers`.
    :param default: the value if the variable is not set, or a function that returns it.
    :param shown: the default in the documentation.
    :param help: a few sentences for operators.
    """

    name: str
    parser: Callable[[str], Any]
    default: Any
    shown: str
    help: str

    def read(self, environ: Mapping[str, str]) -> Any:
        """Read the value from an environment.

        :raises SettingsError: the variable is missing or invalid.
        """
        text = environ.get(self.name, "").strip()
        # Python keeps the other bytes of an environment as lone surrogates.
        if re.search("[\ud800-\udfff]", text):
            raise SettingsError(f"{self.name} is not UTF-8")
        try:
            if text:
                return self.parser(text)
            return self.default() if callable(self.default) else self.default
        except ValueError as error:
            raise SettingsError(f"{self.name} {error}") from None


def _setting(
    name: str,
    parser: Callable[[str], Any] = str,
    *,
    default: Any = None,
    shown: str = "none",
    secret: bool = False,
    help: str,  # noqa: A002
) -> Any:
    """Return a dataclass field that is a row of the table."""
    options: dict[str, Any] = {}
    if default not in (_missing, _derived):
        options["default_factory" if callable(default) else "default"] = default
    row = Setting(name, parser, default, shown, help)
    return field(repr=not secret, metadata={"setting": row}, **options)


def _missing() -> Any:
    raise ValueError(f"is required; set it to a URL such as {DATABASE_URL_EXAMPLE}")


def _derived() -> None:
    """Mark a default that is taken from another setting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """How tokens are verified: the key, and the algorithms that it may be used with."""

    secret: str | None = _setting(
        "DREAMLAKE_JWT_SECRET",
        shown="one key is required",
        secret=True,
        help="Sets the shared secret that signs and verifies tokens. HS256 needs at least 32 bytes."
        " Set exactly one of `DREAMLAKE_JWT_SECRET`, `DREAMLAKE_JWT_PUBLIC_KEY` and"
        " `DREAMLAKE_JWT_JWKS_URL`.",
    )
    previous_secret: str | None = _setting(
        "DREAMLAKE_JWT_SECRET_PREVIOUS",
        secret=True,
        help="Sets the former value of `DREAMLAKE_JWT_SECRET`. It verifies tokens but"
        " does not sign them.",
    )
    public_key: str | None = _setting(
        "DREAMLAKE_JWT_PUBLIC_KEY",
        parse.pem,
        shown="one key is required",
        secret=True,
        help="Sets the public key that verifies tokens, in PEM. Line breaks may be written as"
        " `\\n`.",
    )
    jwks_url: str | None = _setting(
        "DREAMLAKE_JWT_JWKS_URL",
        parse.http_url,
        shown="one key is required",
        secret=True,
        help="Sets the URL at which the token issuer publishes its public keys.",
    )
    algorithms: tuple[str, ...] = _setting(
        "DREAMLAKE_JWT_ALGORITHMS",
        parse.algorithms,
        default=("HS256",),
        shown="`HS256` for a secret, else `RS256`",
        help="Lists the accepted signature algorithms, separated by commas. Tokens with any other"
        " algorithm are refused.",
    )
    audience: str | None = _setting(
        "DREAMLAKE_JWT_AUDIENCE",
        shown="not checked",
        help="Requires the claim `aud` of each token to contain this audience.",
    )
    issuer: str | None = _setting(
        "DREAMLAKE_JWT_ISSUER",
        shown="not checked",
        help="Requires the claim `iss` of each token to be this issuer.",
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "TokenSettings":
        """Read the settings whose names start with DREAMLAKE_JWT.

        :raises SettingsError: a setting is missing or invalid.
        """
        values = {name: row.read(environ) for name, row in _rows(cls)}
        keys = [values[name] for name in ("secret", "public_key", "jwks_url")]
        if sum(key is not None for key in keys) != 1:
            raise SettingsError(
                "set exactly one of DREAMLAKE_JWT_SECRET, DREAMLAKE_JWT_PUBLIC_KEY and"
                " DREAMLAKE_JWT_JWKS_URL"
            )
        symmetric = values["secret"] is not None
        if values["previous_secret"] is not None and not symmetric:
            raise SettingsError("DREAMLAKE_JWT_SECRET_PREVIOUS requires DREAMLAKE_JWT_SECRET")
        if not environ.get("DREAMLAKE_JWT_ALGORITHMS", "").strip():
            values["algorithms"] = ("HS256",) if symmetric else ("RS256",)
        _check_algorithms(values["algorithms"], parse.SYMMETRIC if symmetric else parse.ASYMMETRIC)
        if environ.get("DREAMLAKE_LOCAL_STACK") != "1":
            for name, secret in (
                ("DREAMLAKE_JWT_SECRET", values["secret"]),
                ("DREAMLAKE_JWT_SECRET_PREVIOUS", values["previous_secret"]),
            ):
                _check_secret(name, secret, values["algorithms"])
        return cls(**values)


def _check_algorithms(algorithms: tuple[str, ...], allowed: set[str]) -> None:
    """Refuse algorithms that do not match the key.

    If HS256 were accepted with a public key, anybody who knows the key could sign tokens.
    """
    for name in algorithms:
        if name not in allowed:
            raise SettingsError(
                f"DREAMLAKE_JWT_ALGORITHMS contains {name!r}, but the key that is set works only"
                f" with {', '.join(sorted(allowed))}"
            )


def _check_secret(name: str, secret: str | None, algorithms: tuple[str, ...]) -> None:
    if secret is None:
        return
    if secret == DEBUG_SECRET:
        raise SettingsError(f"{name} is the published debug secret; set a secret of your own")
    # RFC 7518, section 3.2: a key of HS256 has at least 256 bits.
    least = max(int(algorithm[2:]) for algorithm in algorithms) // 8
    if len(secret.encode()) < least:
        raise SettingsError(f"{name} must have at least {least} bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the service.

    :param on_cluster: whether the database is a Citus cluster; None asks the database.
    :param bss_timeout: seconds to connect, and the same again for the whole response.
    :param previous_cursor_secret: the former cursor secret, for cursors that clients still hold.
    """

    database_url: str = _setting(
        "DATABASE_URL",
        default=_missing,
        shown="required",
        secret=True,
        help="Sets the URL of the database: `postgresql://…`. PostgreSQL 15 or later is required."
        " With several hosts and `?target_session_attrs=primary` the service finds a promoted"
        " replica without a restart.",
    )
    prepared_statements: bool = _setting(
        "DREAMLAKE_PREPARED_STATEMENTS",
        parse.on_or_off,
        default=True,
        shown="`on`",
        help="Enables prepared statements. Set it to `off` behind a PgBouncer before 1.22.",
    )
    on_cluster: bool | None = _setting(
        "DREAMLAKE_CITUS",
        parse.on_cluster,
        shown="`auto`",
        help="Tells whether the database is a Citus cluster: `on` or `off`. With `auto` the service"
        " asks the database.",
    )
    database_read_url: str | None = _setting(
        "DATABASE_READ_URL",
        secret=True,
        help="Sets the URL of a streaming replica. The service reads lists, downloads and single"
        " assets from it while it is available. New assets and changed memberships appear there"
        " with the delay of the replica (none with `synchronous_commit = remote_apply`).",
    )
    tokens: TokenSettings
    bss_url: str = _setting(
        "DREAMLAKE_BSS_URL",
        parse.bss_url,
        default="http://127.0.0.1:10234",
        shown="`http://127.0.0.1:10234`",
        help="Sets the base URL of BSS.",
    )
    bss_token: str | None = _setting(
        "DREAMLAKE_BSS_TOKEN",
        parse.bearer_token(1),
        secret=True,
        help="Sets the bearer token that the service sends to BSS.",
    )
    bss_timeout: float = _setting(
        "DREAMLAKE_BSS_TIMEOUT",
        parse.number(0.1, 60.0),
        default=5.0,
        shown="`5`",
        help="Limits the time to connect to BSS, in seconds. The whole response may take as long"
        " again.",
    )
    ca_file: str | None = _setting(
        "DREAMLAKE_CA_FILE",
        help="Names a file of CA certificates in PEM, which BSS and the token issuer may use. They"
        " count in addition to those of the machine, of `SSL_CERT_FILE`, `SSL_CERT_DIR`,"
        " `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE`.",
    )
    cursor_secret: str = _setting(
        "DREAMLAKE_CURSOR_SECRET",
        default=_derived,
        shown="`DREAMLAKE_JWT_SECRET`, else `DATABASE_URL`",
        secret=True,
        help="Sets the secret that signs the cursors of lists. All machines need the same value.",
    )
    previous_cursor_secret: str | None = field(default=None, repr=False)
    settings_file: str | None = _setting(
        "DREAMLAKE_SETTINGS_FILE",
        help="Names a file with lines `NAME=value`. Its values take precedence over the"
        " environment. `dreamlake-assets` reads the file, and gunicorn reads it at start and on"
        " SIGHUP.",
    )
    metrics_token: str | None = _setting(
        "DREAMLAKE_METRICS_TOKEN",
        parse.bearer_token(16),
        secret=True,
        help="Sets the bearer token that gives access to `/metrics`. It needs at least 16"
        " characters. Without it there are no metrics.",
    )
    port: int = _setting(
        "PORT",
        parse.whole_number(1, 65535),
        default=10334,
        shown="`10334`",
        help="Sets the port on which gunicorn listens on 127.0.0.1. Use `gunicorn --bind` for"
        " another address.",
    )
    workers: int = _setting(
        "WEB_CONCURRENCY",
        parse.whole_number(1, 1024),
        default=lambda: os.cpu_count() or 1,
        shown="the number of cores",
        help="Sets the number of worker processes.",
    )
    threads: int = _setting(
        "DREAMLAKE_THREADS",
        parse.whole_number(1, 256),
        default=8,
        shown="`8`",
        help="Sets the number of requests that each worker serves at a time. Each of them has a"
        " connection to the database. Eight times as many downloads may wait for BSS besides.",
    )
    cors_origins: tuple[str, ...] = _setting(
        "DREAMLAKE_CORS_ORIGINS",
        parse.origins,
        default=(),
        help="Lists the origins whose pages may call the service from a browser, separated by"
        " commas: `https://app.example.org,http://localhost:3000`. Set them in `deploy/nginx.conf`,"
        " too.",
    )
    cors_headers: tuple[str, ...] = _setting(
        "DREAMLAKE_CORS_HEADERS",
        parse.header_names,
        default=(),
        help="Lists further request headers that these pages may send, separated by commas:"
        " `sentry-trace`. `traceparent`, `tracestate`, `baggage` and the headers of the API are"
        " always allowed.",
    )
    log_format: Literal["json", "text"] | None = _setting(
        "DREAMLAKE_LOG_FORMAT",
        parse.one_of("json", "text"),
        shown="`text` on a terminal, else `json`",
        help="Selects the format of log lines: `json` or `text`.",
    )
    log_level: str = _setting(
        "DREAMLAKE_LOG_LEVEL",
        parse.one_of("debug", "info", "warning", "error", "critical"),
        default="info",
        shown="`info`",
        help="Sets the lowest level that is logged: `debug`, `info`, `warning`, `error` or"
        " `critical`.",
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read all settings of the service.

        :raises SettingsError: a setting is missing or invalid, or a name is mistyped.
        """
        _check_names(environ)
        tokens = TokenSettings.from_environment(environ)
        values = {name: row.read(environ) for name, row in _rows(cls)}
        if not values["cursor_secret"]:
            values["cursor_secret"] = tokens.secret or values["database_url"]
            values["previous_cursor_secret"] = tokens.previous_secret
        return cls(tokens=tokens, **values)


def _rows(table: type) -> Iterator[tuple[str, Setting]]:
    """Yield the name of each field of a dataclass that is a setting, and its row."""
    for each in fields(table):
        if "setting" in each.metadata:
            yield each.name, each.metadata["setting"]


#: The rows of the table, by the name of the field.
SETTINGS = {**dict(_rows(TokenSettings)), **dict(_rows(Settings))}

#: The variables that start with DREAMLAKE_. DREAMLAKE_LOCAL_STACK is only for the local stack, so
#: it is not in the table.
_NAMES = {
    "DREAMLAKE_LOCAL_STACK",
    *(row.name for row in SETTINGS.values() if row.name.startswith("DREAMLAKE_")),
}


def read(name: str, environ: Mapping[str, str] = os.environ) -> Any:
    """Read a single setting, for a process that does not need the others.

    :param name: name of the field in :class:`Settings` or :class:`TokenSettings`.
    :raises SettingsError: the setting is missing or invalid.
    """
    return SETTINGS[name].read(environ)


def _check_names(environ: Mapping[str, str]) -> None:
    """Refuse mistyped names. With a mistyped audience, the claim would silently go unchecked.

    Only names similar to a setting are refused, because the client has settings that start with
    DREAMLAKE_, too.
    """
    for name in sorted(environ):
        if name.startswith("DREAMLAKE_") and name not in _NAMES:
            for meant in get_close_matches(name, _NAMES, n=1, cutoff=0.9):
                raise SettingsError(f"{name} is not a setting; did you mean {meant}?")
