"""The settings: one table of names, parsers, defaults and descriptions, read from the environment.

The table is the fields of :class:`TokenSettings` and :class:`Settings`. ``deploy/README.md`` shows
it to operators; a test compares the two. Checks that need a library are made where that library is
used: URLs of databases in :mod:`.database.connection`, keys in :mod:`.auth`.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal

from dreamlake_assets import setting_parsers as parse

#: The published secret that the public client signs its debug tokens with.
DEBUG_SECRET = "your-secret-key-change-this-in-production"  # noqa: S105

DATABASE_URL_EXAMPLE = "postgresql://user@host:5432/dreamlake"


class SettingsError(ValueError):
    """A setting is missing or bad; the message is one line that names it and gives the reason."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table.

    :param name: of the environment variable.
    :param parser: a function of :mod:`.setting_parsers`.
    :param default: the value without the variable, or a function that makes it.
    :param shown: the default as documentation shows it.
    :param help: one or two sentences for operators; empty for settings of the local stack.
    """

    name: str
    parser: Callable[[str], Any]
    default: Any
    shown: str
    help: str

    def read(self, environ: Mapping[str, str]) -> Any:
        """The value in an environment.

        :raises SettingsError: the variable is missing or bad.
        """
        text = environ.get(self.name, "").strip()
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
    """A field of a dataclass that is a row of the table."""
    options: dict[str, Any] = {}
    if default not in (_missing, _derived):
        options["default_factory" if callable(default) else "default"] = default
    row = Setting(name, parser, default, shown, help)
    return field(repr=not secret, metadata={"setting": row}, **options)


def _missing() -> Any:
    raise ValueError(f"is missing, such as {DATABASE_URL_EXAMPLE}")


def _derived() -> None:
    """No value: another setting takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """How tokens are verified: with which key, and with which pinned algorithms."""

    secret: str | None = _setting(
        "DREAMLAKE_JWT_SECRET",
        shown="one of the three",
        secret=True,
        help="HS256 secret, 32 bytes or more.",
    )
    previous_secret: str | None = _setting(
        "DREAMLAKE_JWT_SECRET_PREVIOUS",
        secret=True,
        help="The secret before its last change. It verifies tokens and signs none.",
    )
    public_key: str | None = _setting(
        "DREAMLAKE_JWT_PUBLIC_KEY",
        parse.pem,
        shown="one of the three",
        secret=True,
        help="Public key in PEM.",
    )
    jwks_url: str | None = _setting(
        "DREAMLAKE_JWT_JWKS_URL",
        parse.http_url,
        shown="one of the three",
        secret=True,
        help="URL at which the issuer publishes its keys.",
    )
    algorithms: tuple[str, ...] = _setting(
        "DREAMLAKE_JWT_ALGORITHMS",
        parse.algorithms,
        default=("HS256",),
        shown="`HS256` or `RS256`, by the key",
        help="Accepted algorithms, separated by commas. The token never chooses.",
    )
    audience: str | None = _setting(
        "DREAMLAKE_JWT_AUDIENCE", shown="not checked", help="Required value of the claim `aud`."
    )
    issuer: str | None = _setting(
        "DREAMLAKE_JWT_ISSUER", shown="not checked", help="Required value of the claim `iss`."
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "TokenSettings":
        """The settings whose names begin with DREAMLAKE_JWT.

        :raises SettingsError: a setting is missing or bad.
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
            raise SettingsError("DREAMLAKE_JWT_SECRET_PREVIOUS goes with DREAMLAKE_JWT_SECRET only")
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
    """Refuse HS256 beside a public key: with it, anybody who knows the key could sign."""
    for name in algorithms:
        if name not in allowed:
            raise SettingsError(
                f"DREAMLAKE_JWT_ALGORITHMS has {name!r}, but this key goes with"
                f" {', '.join(sorted(allowed))}"
            )


def _check_secret(name: str, secret: str | None, algorithms: tuple[str, ...]) -> None:
    if secret is None:
        return
    if secret == DEBUG_SECRET:
        raise SettingsError(f"{name} is the published debug secret; choose one of your own")
    # RFC 7518: a key of HS256 has at least 256 bits.
    least = max(int(algorithm[2:]) for algorithm in algorithms) // 8
    if len(secret.encode()) < least:
        raise SettingsError(f"{name} must have {least} bytes or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of a process that serves.

    :param on_cluster: whether the database is a Citus cluster; None: the database is asked.
    :param bss_timeout: seconds to connect, and the same again for the whole response.
    :param previous_cursor_secret: signed the cursors that clients may still hold, or None.
    """

    database_url: str = _setting(
        "DATABASE_URL",
        default=_missing,
        shown="required",
        secret=True,
        help="`postgresql://…` of PostgreSQL 15 or later. With several hosts and"
        " `?target_session_attrs=read-write` a promoted replica is found without a restart.",
    )
    prepared_statements: bool = _setting(
        "DREAMLAKE_PREPARED_STATEMENTS",
        parse.on_or_off,
        default=True,
        shown="`on`",
        help="`off` behind a PgBouncer before 1.22.",
    )
    on_cluster: bool | None = _setting(
        "DREAMLAKE_CITUS",
        parse.on_cluster,
        shown="`auto`",
        help="`on` or `off`: whether the database is a Citus cluster. `auto` asks the database.",
    )
    database_read_url: str | None = _setting(
        "DATABASE_READ_URL",
        secret=True,
        help="A streaming replica that answers lists, downloads and single assets while it can."
        " New assets and changed memberships appear there with the replica's delay (none with"
        " `synchronous_commit = remote_apply`).",
    )
    tokens: TokenSettings
    bss_url: str = _setting(
        "DREAMLAKE_BSS_URL",
        parse.bss_url,
        default="http://127.0.0.1:10234",
        shown="`http://127.0.0.1:10234`",
        help="Base URL of BSS.",
    )
    bss_token: str | None = _setting(
        "DREAMLAKE_BSS_TOKEN",
        parse.bearer_token(1),
        secret=True,
        help="Bearer token that is sent to BSS.",
    )
    bss_timeout: float = _setting(
        "DREAMLAKE_BSS_TIMEOUT",
        parse.number(0.1, 60.0),
        default=5.0,
        shown="`5`",
        help="Seconds to connect to BSS, and the same again for the whole response.",
    )
    cursor_secret: str = _setting(
        "DREAMLAKE_CURSOR_SECRET",
        default=_derived,
        shown="the JWT secrets, else `DATABASE_URL`",
        secret=True,
        help="Signs the cursors of lists. The same on all machines.",
    )
    previous_cursor_secret: str | None = field(default=None, repr=False)
    settings_file: str | None = _setting(
        "DREAMLAKE_SETTINGS_FILE",
        help="A file of lines `NAME=value` that takes precedence over the environment."
        " `dreamlake-assets` reads it, and gunicorn at its start and at SIGHUP.",
    )
    metrics_token: str | None = _setting(
        "DREAMLAKE_METRICS_TOKEN",
        parse.bearer_token(16),
        secret=True,
        help="Bearer token that opens `/metrics`, 16 characters or more. Without it there are no"
        " metrics.",
    )
    port: int = _setting(
        "PORT",
        parse.whole_number(1, 65535),
        default=10334,
        shown="`10334`",
        help="Port on 127.0.0.1; `gunicorn --bind` sets another address.",
    )
    workers: int = _setting(
        "WEB_CONCURRENCY",
        parse.whole_number(1, 1024),
        default=lambda: os.cpu_count() or 1,
        shown="the number of cores",
        help="Worker processes.",
    )
    threads: int = _setting(
        "DREAMLAKE_THREADS",
        parse.whole_number(1, 256),
        default=8,
        shown="`8`",
        help="Threads of each worker. Each thread has a connection to the database.",
    )
    cors_origins: tuple[str, ...] = _setting(
        "DREAMLAKE_CORS_ORIGINS",
        parse.origins,
        default=(),
        help="Origins whose pages may call the service from a browser, separated by commas:"
        " `https://app.example.org,http://localhost:3000`. `deploy/nginx.conf` has a list, too.",
    )
    log_format: Literal["json", "text"] | None = _setting(
        "DREAMLAKE_LOG_FORMAT",
        parse.one_of("json", "text"),
        shown="`text` on a terminal, else `json`",
        help="Format of log lines: `json` or `text`.",
    )
    log_level: str = _setting(
        "DREAMLAKE_LOG_LEVEL",
        parse.one_of("debug", "info", "warning", "error", "critical"),
        default="info",
        shown="`info`",
        help="`debug`, `info`, `warning`, `error` or `critical`.",
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """The settings of a process that serves.

        :raises SettingsError: a setting is missing or bad.
        """
        _check_names(environ)
        tokens = TokenSettings.from_environment(environ)
        values = {name: row.read(environ) for name, row in _rows(cls)}
        if not values["cursor_secret"]:
            values["cursor_secret"] = tokens.secret or values["database_url"]
            values["previous_cursor_secret"] = tokens.previous_secret
        return cls(tokens=tokens, **values)


def _rows(table: type) -> Iterator[tuple[str, Setting]]:
    """The settings of a dataclass, by the names of its fields."""
    for each in fields(table):
        if "setting" in each.metadata:
            yield each.name, each.metadata["setting"]


#: The table, by the names of the fields.
SETTINGS = {**dict(_rows(TokenSettings)), **dict(_rows(Settings))}

#: The variables that begin with DREAMLAKE_. The local stack sets one that is not for operators.
_NAMES = {
    "DREAMLAKE_LOCAL_STACK",
    *(row.name for row in SETTINGS.values() if row.name.startswith("DREAMLAKE_")),
}


def read(name: str, environ: Mapping[str, str] = os.environ) -> Any:
    """One setting, for a process that needs no others.

    :param name: of the field in :class:`Settings`.
    :raises SettingsError: the setting is missing or bad.
    """
    return SETTINGS[name].read(environ)


def _check_names(environ: Mapping[str, str]) -> None:
    """Refuse mistyped names: a misspelt audience would go unchecked in silence.

    Other names may begin with DREAMLAKE_, too: the client's settings do.
    """
    for name in sorted(environ):
        if name.startswith("DREAMLAKE_") and name not in _NAMES:
            for meant in get_close_matches(name, _NAMES, n=1, cutoff=0.9):
                raise SettingsError(f"{name} is no setting; {meant} is")
