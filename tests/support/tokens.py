"""Tokens of every kind, and checks of the service's responses to them."""

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conftest import SECRET, WRITER
from tests.support.api import Answer, Api, problem

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())

BARE_CHALLENGE = 'Bearer realm="dreamlake"'
DOES_NOT_VERIFY = "The token cannot be verified."
NO_SUBJECT = "The token has no subject."


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def token(claims: dict[str, Any] | None = None, key: Any = SECRET, **options: Any) -> str:
    return jwt.encode({"sub": WRITER, **(claims or {})}, key, **options)


def handmade(header: dict[str, Any], payload: str, secret: str = SECRET) -> str:
    """A token that PyJWT refuses to make, with a valid HS256 signature."""
    parts = [_base64(json.dumps(header)), _base64(payload)]
    mac = hmac.new(secret.encode(), ".".join(parts).encode(), hashlib.sha256)
    return ".".join([*parts, base64.urlsafe_b64encode(mac.digest()).rstrip(b"=").decode()])


def _base64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()


def me(api: Api, authorization: str | None) -> Answer:
    headers = {} if authorization is None else {"Authorization": authorization}
    return api.ask("/auth/me", headers=headers)


def accepted(response: Answer, subject: str = WRITER) -> None:
    assert response.status_code == 200, response.text
    assert response.json["subject"] == subject


def refused(response: Answer, sentence: str) -> None:
    assert response.status_code == 401, response.text
    assert problem(response) == {"error": sentence, "code": "unauthenticated"}
    assert response.headers["WWW-Authenticate"] == (
        f'{BARE_CHALLENGE}, error="invalid_token", error_description="{sentence}"'
    )
