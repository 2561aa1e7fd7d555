"""Parsers of the values of settings.

A parser converts the text of an environment variable into a value. It raises ValueError if the text
is invalid. The message completes a sentence that starts with the name of the setting.
"""

import re
from collections.abc import Callable
from math import nan
from urllib.parse import urlsplit

SYMMETRIC = {"HS256", "HS384", "HS512"}
ASYMMETRIC = {
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
}

#: In lower case and without a default port, which is the only form that browsers send.
_ORIGIN = re.compile(
    r"(?:http(?!.*:80$)|https(?!.*:443$))://"
    r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?"
)

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'+.^_`|~-]+")


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser that accepts one of several words."""

    def parse(text: str) -> str:
        if text not in choices:
            listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
            raise ValueError(f"must be {listed}, not {text!r}")
        return text

    return parse


def on_or_off(text: str) -> bool:
    """Parse ``on`` or ``off``."""
    return one_of("on", "off")(text) == "on"


def on_cluster(text: str) -> bool | None:
    """Parse ``on``, ``off`` or ``auto``, which is None."""
    return {"on": True, "off": False, "auto": None}[one_of("on", "off", "auto")(text)]


def number(least: float, most: float) -> Callable[[str], float]:
    """Return a parser that accepts a number between two bounds, both inclusive."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = nan
        if not least <= value <= most:
            raise ValueError(f"must be a number from {least:g} to {most:g}, not {text!r}")
        return value

    return parse


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a parser that accepts a whole number between two bounds, both inclusive."""

    def parse(text: str) -> int:
        value = number(least, most)(text)
        if value != int(value):
            raise ValueError(f"must be a whole number, not {text!r}")
        return int(value)

    return parse


def bearer_token(least: int) -> Callable[[str], str]:
    """Return a parser that accepts a token of a minimum length that a header can hold."""

    def parse(text: str) -> str:
        if not re.fullmatch(f"[!-~]{{{least},}}", text):
            raise ValueError(f"must consist of {least} or more visible ASCII characters")
        return text

    return parse


def http_url(text: str) -> str:
    """Parse an http or https URL, and remove its trailing slash."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        # User and password would appear in every message that shows the URL.
        valid = valid and "@" not in parts.netloc
    except ValueError:
        valid = False
    if not valid:
        # The message does not quote the URL, because the invalid part may be a password.
        raise ValueError("must be an http or https URL without a user and a password")
    return text.rstrip("/")


def bss_url(text: str) -> str:
    """Parse an http or https URL to which paths can be appended."""
    url = http_url(text)
    if "?" in url or "#" in url:
        # The message does not quote the URL, because a query may contain a secret.
        raise ValueError("must not have a query or a fragment")
    return url


def origins(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of origins."""
    found = tuple(origin.strip() for origin in text.split(","))
    if not all(_ORIGIN.fullmatch(origin) for origin in found):
        raise ValueError(
            "must be a comma-separated list of origins in the form that browsers send,"
            " such as https://app.example.org,http://localhost:3000"
        )
    return found


def header_names(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of names of headers (RFC 9110).

    ``*`` is refused, because browsers take it for any header.
    """
    found = tuple(name.strip() for name in text.split(","))
    if not all(_HEADER_NAME.fullmatch(name) for name in found):
        raise ValueError("must be a comma-separated list of names of headers, such as sentry-trace")
    return found


def pem(text: str) -> str:
    r"""Parse a public key in PEM, whose line breaks may be written as ``\n``."""
    # Many tools that set environment variables do not support line breaks.
    text = text.replace("\\n", "\n")
    if not text.startswith("-----BEGIN ") or "PRIVATE KEY" in text:
        raise ValueError("must be a public key in PEM")
    return text


def algorithms(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of signature algorithms."""
    names = tuple(name.strip() for name in text.split(","))
    if not set(names) <= SYMMETRIC | ASYMMETRIC:
        # The message does not quote the value, because it may be a secret in the wrong setting.
        known = ", ".join(sorted(SYMMETRIC | ASYMMETRIC))
        raise ValueError(f"must be a comma-separated list of algorithms from {known}")
    return names
