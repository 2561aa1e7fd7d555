"""Parsers of the values of settings.

A parser turns the text of an environment variable into a value. It raises ValueError where the text
is bad; the message completes a sentence that begins with the name of the setting.
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

#: In lower case and without a default port: browsers send no other form.
_ORIGIN = re.compile(
    r"(?:http(?!.*:80$)|https(?!.*:443$))://"
    r"(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?"
)


def one_of(*choices: str) -> Callable[[str], str]:
    """Accept one of several words."""

    def parse(text: str) -> str:
        if text not in choices:
            listed = f"{', '.join(choices[:-1])} or {choices[-1]}"
            raise ValueError(f"must be {listed}, not {text!r}")
        return text

    return parse


def on_or_off(text: str) -> bool:
    """Parse a switch."""
    return one_of("on", "off")(text) == "on"


def on_cluster(text: str) -> bool | None:
    """Parse a switch with a third position: None for ``auto``."""
    return {"on": True, "off": False, "auto": None}[one_of("on", "off", "auto")(text)]


def number(least: float, most: float) -> Callable[[str], float]:
    """Accept a number between two bounds, both included."""

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
    """Accept a whole number between two bounds, both included."""

    def parse(text: str) -> int:
        value = number(least, most)(text)
        if value != int(value):
            raise ValueError(f"must be a whole number, not {text!r}")
        return int(value)

    return parse


def bearer_token(least: int) -> Callable[[str], str]:
    """Accept a token that fits into a header and has a least length."""

    def parse(text: str) -> str:
        if not re.fullmatch(f"[!-~]{{{least},}}", text):
            raise ValueError(f"must have {least} or more visible ASCII characters and no others")
        return text

    return parse


def http_url(text: str) -> str:
    """Accept an http or https URL; the result has no trailing slash."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        # User and password would appear wherever the URL is shown.
        valid = valid and "@" not in parts.netloc
    except ValueError:
        valid = False
    if not valid:
        # The URL is not quoted: the faulty part may be a password.
        raise ValueError("must be an http or https URL without user and password")
    return text.rstrip("/")


def bss_url(text: str) -> str:
    """Accept an http or https URL that paths can be appended to."""
    url = http_url(text)
    if "?" in url or "#" in url:
        # Paths are appended to the URL, and a query may hold a secret.
        raise ValueError("must have no query and no fragment")
    return url


def origins(text: str) -> tuple[str, ...]:
    """Parse origins, separated by commas."""
    found = tuple(origin.strip() for origin in text.split(","))
    if not all(_ORIGIN.fullmatch(origin) for origin in found):
        raise ValueError(
            "must be origins as browsers send them, separated by commas,"
            " such as https://app.example.org,http://localhost:3000"
        )
    return found


def pem(text: str) -> str:
    r"""Accept a public key in PEM, whose line breaks may be written as ``\n``."""
    # Many places that set an environment cannot hold a line break.
    text = text.replace("\\n", "\n")
    if not text.startswith("-----BEGIN ") or "PRIVATE KEY" in text:
        raise ValueError("must be a public key in PEM")
    return text


def algorithms(text: str) -> tuple[str, ...]:
    """Parse the names of signature algorithms, separated by commas."""
    names = tuple(name.strip() for name in text.split(","))
    if not set(names) <= SYMMETRIC | ASYMMETRIC:
        # An unknown name is not quoted: it may be a secret under the wrong setting.
        known = ", ".join(sorted(SYMMETRIC | ASYMMETRIC))
        raise ValueError(f"must be algorithms separated by commas, of {known}")
    return names
