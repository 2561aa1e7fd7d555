"""Authentication with every kind of token, and authorization by membership."""

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from dreamlake_assets import store
from dreamlake_assets.auth import CACHE_TOKENS, Authenticator, TokenSettings, sign
from dreamlake_assets.model.kinds import KINDS
from tests.api.conftest import WithTokens
from tests.conftest import NAMESPACE, READER, SECRET, STRANGER, WRITER
from tests.support.api import Api, problem
from tests.support.tokens import (
    BARE_CHALLENGE,
    DOES_NOT_VERIFY,
    EC_KEY,
    NO_SUBJECT,
    OTHER_RSA_KEY,
    RSA_KEY,
    accepted,
    handmade,
    me,
    pem,
    refused,
    token,
)
from tests.support.waiting import until


@pytest.mark.every_way
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic dGVzdDp0ZXN0", "Token x", "BearerX", token()],
    ids=["none", "empty", "no token", "blank", "basic", "token", "glued", "no scheme"],
)
def test_a_token_is_required(shared_api: Api, authorization: str | None) -> None:
    response = me(shared_api, authorization)

    assert response.status_code == 401
    assert problem(response) == {
        "error": "A token is required in the header Authorization, after the word Bearer.",
        "code": "unauthenticated",
    }
    assert response.headers["WWW-Authenticate"] == BARE_CHALLENGE


@pytest.mark.every_way
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", ""), ("GET", ""), ("GET", "/download")], ids=str
)
def test_every_endpoint_asks_for_it(shared_api: Api, kind: str, method: str, path: str) -> None:
    # Authentication comes first, so other faults of the request are not reported.
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
    "unencoded": handmade(
        {"alg": "HS256", "crit": ["b64"], "b64": False}, f'{{"sub": "{WRITER}"}}'
    ),
    "a key of its own": handmade(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": "QUFB"}}, f'{{"sub": "{WRITER}"}}', "AAA"
    ),
    "critical": handmade({"alg": "HS256", "crit": ["x"], "x": 1}, f'{{"sub": "{WRITER}"}}'),
}


@pytest.mark.usefixtures("few_finalizers")
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


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -5), ("nbf", 8), ("iat", 8)])
def test_the_clocks_may_differ(shared_api: Api, claim: str, seconds: int) -> None:
    accepted(me(shared_api, f"Bearer {token({claim: int(time.time()) + seconds})}"))


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -11), ("nbf", 30), ("iat", 30)])
def test_the_clocks_may_differ_by_ten_seconds(shared_api: Api, claim: str, seconds: int) -> None:
    response = me(shared_api, f"Bearer {token({claim: int(time.time()) + seconds})}")

    assert response.status_code == 401


@pytest.mark.parametrize("kind", [int, float, str])
def test_a_token_may_have_an_end(shared_api: Api, kind: type) -> None:
    claims = {"sub": WRITER, "exp": kind(int(time.time()) + 600)}
    text = handmade({"alg": "HS256"}, json.dumps(claims))

    accepted(me(shared_api, f"Bearer {text}"))


def test_a_token_may_end_after_the_sun(shared_api: Api) -> None:
    text = handmade({"alg": "HS256"}, json.dumps({"sub": WRITER, "exp": 10**400}))

    accepted(me(shared_api, f"Bearer {text}"))


def test_a_token_that_was_accepted_still_expires(shared_api: Api) -> None:
    # Clocks may differ by 10 seconds, so the token stays valid for one or two more.
    text = f"Bearer {token({'exp': int(time.time()) - 8})}"
    accepted(me(shared_api, text))

    until(lambda: me(shared_api, text).status_code == 401)
    refused(me(shared_api, text), "The token has expired.")


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


@pytest.mark.every_way
def test_a_token_has_at_most_8_kib(shared_api: Api) -> None:
    refused(me(shared_api, f"Bearer {token({'x': 'x' * 8192})}"), "The token is too long.")
    accepted(me(shared_api, f"Bearer {token({'x': 'x' * 5000})}"))


def test_few_tokens_are_remembered() -> None:
    authenticator = Authenticator(TokenSettings(secret=SECRET))
    for number in range(CACHE_TOKENS + 10):
        authenticator.subject(f"Bearer {token({'jti': str(number)})}")

    assert len(authenticator._verified) == CACHE_TOKENS


class TestChangedSecret:
    """The HS256 secret changes, and two are valid during the change."""

    NEW = "the new secret of the tests, with enough bytes"

    @pytest.fixture
    def api(self, with_tokens: WithTokens) -> Iterator[Api]:
        with with_tokens(secret=self.NEW, previous_secret=SECRET) as api:
            yield api

    def test_both_verify(self, api: Api) -> None:
        accepted(me(api, f"Bearer {token(key=self.NEW)}"))
        accepted(me(api, f"Bearer {token(key=SECRET)}"))
        refused(me(api, f"Bearer {token(key='x' * 32)}"), DOES_NOT_VERIFY)
        refused(me(api, f"Bearer {UNSIGNED}"), DOES_NOT_VERIFY)

    @pytest.mark.parametrize("key", [NEW, SECRET], ids=["new", "previous"])
    def test_neither_verifies_what_has_expired(self, api: Api, key: str) -> None:
        refused(me(api, f"Bearer {token({'exp': 1}, key=key)}"), "The token has expired.")

    def test_the_new_one_signs(self, with_tokens: WithTokens) -> None:
        both = TokenSettings(secret=self.NEW, previous_secret=SECRET)
        signed = sign(both, WRITER, 60)
        with with_tokens(secret=self.NEW) as api:
            accepted(me(api, f"Bearer {signed}"))
            refused(me(api, f"Bearer {token(key=SECRET)}"), DOES_NOT_VERIFY)


def test_audience_and_issuer_are_checked_where_configured(with_tokens: WithTokens) -> None:
    right = {"aud": "assets", "iss": "https://issuer.example"}
    other_audience = "The token is for another audience."
    other_issuer = "The token is from another issuer."
    with with_tokens(secret=SECRET, audience="assets", issuer=right["iss"]) as api:
        accepted(me(api, f"Bearer {token(right)}"))
        accepted(me(api, f"Bearer {token({**right, 'aud': ['other', 'assets']})}"))
        refused(me(api, f"Bearer {token({**right, 'aud': 'other'})}"), other_audience)
        refused(me(api, f"Bearer {token({**right, 'iss': 'other'})}"), other_issuer)
        for missing, expected in (("aud", other_audience), ("iss", other_issuer)):
            rest = {name: value for name, value in right.items() if name != missing}
            refused(me(api, f"Bearer {token(rest)}"), expected)


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
        # The public key is public: accepted as an HS256 secret, it would let anybody in.
        confused = handmade({"alg": "HS256"}, f'{{"sub": "{WRITER}"}}', public)
        refused(me(api, f"Bearer {confused}"), DOES_NOT_VERIFY)
        refused(me(api, f"Bearer {UNSIGNED}"), DOES_NOT_VERIFY)


@pytest.mark.every_way
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


@pytest.mark.every_way
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
