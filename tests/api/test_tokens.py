"""Who gets in: tokens of every kind, and what membership allows."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from dreamlake_assets import store
from dreamlake_assets.config import Settings, TokenSettings
from dreamlake_assets.kinds import KINDS
from tests.conftest import NAMESPACE, READER, SECRET, STRANGER, WRITER, headers_of
from tests.support.api import Answer, Api, problem, serving
from tests.support.http import HttpServer, answer, closed_port

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())

BARE_CHALLENGE = 'Bearer realm="dreamlake"'
DOES_NOT_VERIFY = "The token does not verify."
NO_SUBJECT = "The token names no subject."

WithTokens = Callable[..., AbstractContextManager[Api]]


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def token(claims: dict[str, Any] | None = None, key: Any = SECRET, **options: Any) -> str:
    return jwt.encode({"sub": WRITER, **(claims or {})}, key, **options)


def handmade(header: dict[str, Any], payload: str, secret: str = SECRET) -> str:
    """A token that PyJWT refuses to make, with a true HS256 signature."""
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


@pytest.fixture
def with_tokens(settings: Settings) -> WithTokens:
    """The service with other settings for tokens."""

    @contextmanager
    def with_tokens(**tokens: Any) -> Iterator[Api]:
        with serving(replace(settings, tokens=TokenSettings(**tokens))) as app:
            yield Api(app.test_client(), headers_of(settings))

    return with_tokens


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dGVzdDp0ZXN0", "Token x", "BearerX", token()],
    ids=["none", "empty", "no token", "blank", "basic", "token", "glued", "no scheme"],
)
def test_a_token_is_required(shared_api: Api, authorization: str | None) -> None:
    response = me(shared_api, authorization)

    assert response.status_code == 401
    assert problem(response) == {
        "error": "A valid bearer token is required.",
        "code": "unauthenticated",
    }
    assert response.headers["WWW-Authenticate"] == BARE_CHALLENGE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", ""), ("GET", ""), ("GET", "/download")], ids=str
)
def test_every_endpoint_asks_for_it(shared_api: Api, kind: str, method: str, path: str) -> None:
    # Whatever else is wrong with the request.
    response = shared_api.ask(f"/assets/{kind}{path}?x=1", method, data="{")

    assert response.status_code == 401
    assert problem(response)["code"] == "unauthenticated"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_may_be_written_in_any_case(shared_api: Api, scheme: str) -> None:
    accepted(me(shared_api, f"{scheme} {token()}"))


def test_the_token_of_the_public_client_is_understood(shared_api: Api) -> None:
    claims = {"sub": WRITER, "userName": "testuser", "userId": WRITER, "iat": int(time.time())}

    accepted(me(shared_api, f"Bearer {jwt.encode(claims, SECRET)}"))


UNSIGNED = jwt.encode({"sub": WRITER}, "", algorithm="none")
GARBAGE = {
    "a word": "x",
    "dots": "..",
    "three words": "a.b.c",
    "more dots": "a.b.c.d",
    "not latin": "t\u00f6ken",
    "another secret": token(key="another secret of the tests, also long"),
    "altered": token()[:-4] + "AAAA",
    "none": UNSIGNED,
    "None": handmade({"alg": "None"}, '{"sub": "x"}'),
    "no algorithm": handmade({}, '{"sub": "x"}'),
    "algorithm is no string": handmade({"alg": ["HS256"]}, '{"sub": "x"}'),
    "not pinned": token(algorithm="HS512", key=SECRET * 2),
    "no JSON": handmade({"alg": "HS256"}, "{"),
    "no object": handmade({"alg": "HS256"}, '["sub"]'),
    "deep": handmade({"alg": "HS256"}, '{"sub":' + "[" * 2000 + "]" * 2000 + "}"),
    "exp is a word": handmade({"alg": "HS256"}, f'{{"sub": "{WRITER}", "exp": "x"}}'),
    "exp is null": handmade({"alg": "HS256"}, f'{{"sub": "{WRITER}", "exp": null}}'),
    "exp is NaN": handmade({"alg": "HS256"}, f'{{"sub": "{WRITER}", "exp": NaN}}'),
    "exp is infinite": handmade({"alg": "HS256"}, f'{{"sub": "{WRITER}", "exp": 1e999}}'),
    "iat is a word": handmade({"alg": "HS256"}, f'{{"sub": "{WRITER}", "iat": "x"}}'),
    "nbf is a list": handmade({"alg": "HS256"}, f'{{"sub": "{WRITER}", "nbf": []}}'),
    "critical": handmade({"alg": "HS256", "crit": ["x"], "x": 1}, f'{{"sub": "{WRITER}"}}'),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_does_not_verify(shared_api: Api, garbage: str) -> None:
    refused(me(shared_api, f"Bearer {garbage}"), DOES_NOT_VERIFY)


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"exp": 1}, "The token has expired."),
        ({"exp": int(time.time()) - 60}, "The token has expired."),
        ({"nbf": int(time.time()) + 600}, "The token is not valid yet."),
        ({"iat": int(time.time()) + 600}, "The token is not valid yet."),
    ],
    ids=["long expired", "expired", "nbf", "iat"],
)
def test_a_token_has_its_time(shared_api: Api, claims: dict[str, int], sentence: str) -> None:
    refused(me(shared_api, f"Bearer {token(claims)}"), sentence)


@pytest.mark.parametrize("kind", [int, float, str])
def test_a_token_may_have_an_end(shared_api: Api, kind: type) -> None:
    claims = {"sub": WRITER, "exp": kind(int(time.time()) + 600)}
    text = handmade({"alg": "HS256"}, json.dumps(claims))

    accepted(me(shared_api, f"Bearer {text}"))


def test_a_token_may_end_after_the_sun(shared_api: Api) -> None:
    text = handmade({"alg": "HS256"}, json.dumps({"sub": WRITER, "exp": 10**400}))

    accepted(me(shared_api, f"Bearer {text}"))


def test_a_token_that_was_accepted_still_expires(shared_api: Api) -> None:
    # The clocks may differ by 10 seconds, so it has one left.
    text = token({"exp": int(time.time()) - 8})
    accepted(me(shared_api, f"Bearer {text}"))
    time.sleep(2.1)

    refused(me(shared_api, f"Bearer {text}"), "The token has expired.")


@pytest.mark.parametrize(
    "subject", ['""', "null", "7", "true", "[]", "{}", '"a\\u0000b"', '"a\\nb"', '"\\ud800"']
)
def test_the_subject_is_a_text(shared_api: Api, subject: str) -> None:
    text = handmade({"alg": "HS256"}, f'{{"sub": {subject}}}')

    refused(me(shared_api, f"Bearer {text}"), NO_SUBJECT)


def test_a_token_names_a_subject(shared_api: Api) -> None:
    text = jwt.encode({"userId": WRITER}, SECRET)

    refused(me(shared_api, f"Bearer {text}"), NO_SUBJECT)


def test_a_subject_may_have_any_characters(api: Api, connection: psycopg.Connection) -> None:
    subject = "auth0|jörg'; -- 🎬"
    store.namespace.add_member(connection, namespace=NAMESPACE, subject=subject, role="writer")

    accepted(me(api, f"Bearer {token({'sub': subject})}"), subject)
    assert api.register(subject=subject).status_code == 201


def test_a_token_has_at_most_8_kib(shared_api: Api) -> None:
    refused(me(shared_api, f"Bearer {token({'x': 'x' * 8192})}"), "The token is too long.")
    accepted(me(shared_api, f"Bearer {token({'x': 'x' * 5000})}"))


def test_audience_and_issuer_are_checked_where_configured(with_tokens: WithTokens) -> None:
    right = {"aud": "assets", "iss": "https://issuer.example"}
    other_audience = "The token is for another audience."
    other_issuer = "The token is from another issuer."
    with with_tokens(secret=SECRET, audience="assets", issuer=right["iss"]) as api:
        accepted(me(api, f"Bearer {token(right)}"))
        accepted(me(api, f"Bearer {token({**right, 'aud': ['other', 'assets']})}"))
        refused(me(api, f"Bearer {token({**right, 'aud': 'other'})}"), other_audience)
        refused(me(api, f"Bearer {token({**right, 'iss': 'other'})}"), other_issuer)
        for missing in ("aud", "iss"):
            rest = {name: value for name, value in right.items() if name != missing}
            assert me(api, f"Bearer {token(rest)}").status_code == 401


def test_an_audience_is_of_no_interest_where_none_is_configured(shared_api: Api) -> None:
    accepted(me(shared_api, f"Bearer {token({'aud': 'other', 'iss': 'other'})}"))


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256")], ids=["RS256", "ES256"]
)
def test_a_public_key(with_tokens: WithTokens, key: Any, algorithm: str) -> None:
    public = pem(key)
    with with_tokens(public_key=public, algorithms=(algorithm,)) as api:
        accepted(me(api, f"Bearer {token(key=key, algorithm=algorithm)}"))

        other = OTHER_RSA_KEY if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())
        refused(me(api, f"Bearer {token(key=other, algorithm=algorithm)}"), DOES_NOT_VERIFY)
        # The public key is known to everybody; as the secret of HS256 it would let anybody in.
        confused = handmade({"alg": "HS256"}, f'{{"sub": "{WRITER}"}}', public)
        refused(me(api, f"Bearer {confused}"), DOES_NOT_VERIFY)
        refused(me(api, f"Bearer {UNSIGNED}"), DOES_NOT_VERIFY)


class TestJwks:
    """The issuer publishes its keys at a URL."""

    KEY = RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True)
    KEYS = json.dumps({"keys": [{**KEY, "kid": "one"}]}).encode()

    @pytest.fixture
    def issuer(self) -> Iterator[HttpServer]:
        with HttpServer(answer(200, body=self.KEYS)) as server:
            yield server

    def signed(self, kid: str | None = "one", key: rsa.RSAPrivateKey = RSA_KEY) -> str:
        return token(key=key, algorithm="RS256", headers={"kid": kid} if kid else None)

    def test_verifies_by_the_key_that_the_token_names(
        self, with_tokens: WithTokens, issuer: HttpServer
    ) -> None:
        with with_tokens(jwks_url=issuer.url, algorithms=("RS256",)) as api:
            accepted(me(api, f"Bearer {self.signed()}"))
            accepted(me(api, f"Bearer {self.signed()}"))
            assert len(issuer.received) == 1

            refused(me(api, f"Bearer {self.signed(key=OTHER_RSA_KEY)}"), DOES_NOT_VERIFY)
            refused(me(api, f"Bearer {self.signed(kid='two')}"), DOES_NOT_VERIFY)
            refused(me(api, f"Bearer {self.signed(kid=None)}"), DOES_NOT_VERIFY)
            confused = handmade({"alg": "HS256", "kid": "one"}, '{"sub": "x"}', pem(RSA_KEY))
            refused(me(api, f"Bearer {confused}"), DOES_NOT_VERIFY)
            refused(me(api, "Bearer garbage"), DOES_NOT_VERIFY)

    def test_unknown_keys_do_not_make_it_ask_again_and_again(
        self, with_tokens: WithTokens, issuer: HttpServer
    ) -> None:
        with with_tokens(jwks_url=issuer.url, algorithms=("RS256",)) as api:
            for number in range(20):
                me(api, f"Bearer {self.signed(kid=str(number))}")

        assert len(issuer.received) <= 2

    @pytest.mark.parametrize(
        "reply",
        [
            answer(500),
            answer(404, body=b"{}"),
            answer(302, {"Location": "/elsewhere"}),
            answer(200, body=b"<html>"),
            answer(200, body=b"\xff"),
            answer(200, body=b"[]"),
            answer(200, body=b'{"keys": []}'),
            answer(200, body=b'{"keys": 7}'),
        ],
        ids=["500", "404", "302", "html", "no text", "list", "no keys", "number"],
    )
    def test_an_issuer_in_trouble_is_not_the_fault_of_the_token(
        self, with_tokens: WithTokens, issuer: HttpServer, reply: Any
    ) -> None:
        issuer.answer = reply
        with with_tokens(jwks_url=issuer.url, algorithms=("RS256",)) as api:
            self.unavailable(me(api, f"Bearer {self.signed()}"))

    def test_an_issuer_that_is_back_is_asked_again(
        self, with_tokens: WithTokens, issuer: HttpServer
    ) -> None:
        issuer.answer = answer(500)
        with with_tokens(jwks_url=issuer.url, algorithms=("RS256",)) as api:
            responses = [me(api, f"Bearer {self.signed()}") for _ in range(5)]
            issuer.answer = answer(200, body=self.KEYS)
            time.sleep(1.1)

            for response in responses:
                self.unavailable(response)
            assert len(issuer.received) == 1
            accepted(me(api, f"Bearer {self.signed()}"))

    def test_an_issuer_that_hangs_is_waited_for_once(
        self, with_tokens: WithTokens, issuer: HttpServer
    ) -> None:
        over = threading.Event()

        def hang(_: BaseHTTPRequestHandler) -> None:
            over.wait(20)

        issuer.answer = hang
        with (
            with_tokens(jwks_url=issuer.url, algorithms=("RS256",)) as api,
            ThreadPoolExecutor() as executor,
        ):
            begun = time.monotonic()
            waiting = [
                executor.submit(me, api.with_client_of_its_own(), f"Bearer {self.signed()}")
                for _ in range(4)
            ]
            for each in waiting:
                self.unavailable(each.result())
            assert time.monotonic() - begun < 6
            over.set()

    def test_an_issuer_that_is_away(self, with_tokens: WithTokens) -> None:
        url = f"http://127.0.0.1:{closed_port()}"
        with with_tokens(jwks_url=url, algorithms=("RS256",)) as api:
            self.unavailable(me(api, f"Bearer {self.signed()}"))

    @staticmethod
    def unavailable(response: Answer) -> None:
        assert response.status_code == 503, response.text
        assert response.headers["Retry-After"].isdecimal()
        assert problem(response) == {
            "error": "The keys of the token issuer cannot be fetched; try again.",
            "code": "unavailable",
        }


@pytest.mark.parametrize(
    ("subject", "namespace", "namespaces"),
    [
        (WRITER, {"slug": NAMESPACE}, [{"slug": NAMESPACE, "role": "writer"}]),
        (READER, None, [{"slug": NAMESPACE, "role": "reader"}]),
        (STRANGER, None, []),
    ],
    ids=["writer", "reader", "stranger"],
)
def test_auth_me(shared_api: Api, subject: str, namespace: object, namespaces: object) -> None:
    response = shared_api.get("/auth/me", subject=subject)

    assert response.status_code == 200
    assert response.json == {"subject": subject, "namespace": namespace, "namespaces": namespaces}


def test_auth_me_names_the_first_namespace_that_can_be_written_to(
    api: Api, connection: psycopg.Connection
) -> None:
    for slug, role in (("zebra", "writer"), ("aardvark", "reader"), ("badger", "writer")):
        store.namespace.create(connection, namespace=slug)
        store.namespace.add_member(connection, namespace=slug, subject=WRITER, role=role)

    assert api.get("/auth/me").json == {
        "subject": WRITER,
        "namespace": {"slug": "badger"},
        "namespaces": [
            {"slug": "aardvark", "role": "reader"},
            {"slug": "badger", "role": "writer"},
            {"slug": NAMESPACE, "role": "writer"},
            {"slug": "zebra", "role": "writer"},
        ],
    }


def test_membership_counts_from_the_next_request_on(
    api: Api, connection: psycopg.Connection
) -> None:
    def statuses(subject: str) -> tuple[int, int, int]:
        return (
            api.register(subject=subject, name="/a").status_code,
            api.listing(subject=subject).status_code,
            api.download(subject=subject, path="/b").status_code,
        )

    api.register(name="/a")
    assert statuses(STRANGER) == (404, 404, 404)

    member = {"namespace": NAMESPACE, "subject": STRANGER}
    store.namespace.add_member(connection, **member, role="reader")
    assert statuses(STRANGER) == (403, 200, 404)
    assert problem(api.download(subject=STRANGER, path="/b"))["code"] == "asset_not_found"

    store.namespace.add_member(connection, **member, role="writer")
    assert statuses(STRANGER) == (201, 200, 404)

    store.namespace.add_member(connection, **member, role="reader")
    assert statuses(STRANGER) == (403, 200, 404)

    store.namespace.remove_member(connection, **member)
    assert statuses(STRANGER) == (404, 404, 404)
    assert problem(api.listing(subject=STRANGER))["code"] == "namespace_not_found"
