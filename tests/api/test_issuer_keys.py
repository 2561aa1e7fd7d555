"""Keys that the token issuer publishes at a URL: changed, withdrawn or unreachable."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, RSAAlgorithm
from jwt.warnings import InsecureKeyLengthWarning

from dreamlake_assets import auth, issuer_keys
from dreamlake_assets.local.processes import free_port
from tests.api.conftest import WithTokens
from tests.conftest import SECRET
from tests.support.api import Answer, Api, problem
from tests.support.http import HttpServer, answer
from tests.support.tokens import (
    DOES_NOT_VERIFY,
    EC_KEY,
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

SHORT_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=1024)
PATIENCE_SECONDS = 30

ONE = {**RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True), "kid": "one"}
TWO = {**RSAAlgorithm.to_jwk(OTHER_RSA_KEY.public_key(), as_dict=True), "kid": "two"}
SHORT = {**RSAAlgorithm.to_jwk(SHORT_RSA_KEY.public_key(), as_dict=True), "kid": "short"}
SYMMETRIC = {**HMACAlgorithm.to_jwk(SECRET, as_dict=True), "kid": "secret"}
CURVE = {**ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True), "kid": "curve"}

_numbers = count()


def publishing(*keys: Any) -> Any:
    return answer(200, body=json.dumps({"keys": keys}).encode())


def bearer(kid: str | None = "one", key: Any = RSA_KEY, algorithm: str = "RS256") -> str:
    """A new token at each call, so that none is cached."""
    claims = {"jti": str(next(_numbers))}
    return f"Bearer {token(claims, key, algorithm=algorithm, headers={'kid': kid} if kid else {})}"


def unavailable(response: Answer) -> None:
    assert response.status_code == 503, response.text
    assert response.headers["Retry-After"].isdecimal()
    assert problem(response) == {
        "error": "The keys of the token issuer cannot be fetched; try again.",
        "code": "unavailable",
    }


@pytest.fixture
def issuer() -> Iterator[HttpServer]:
    with HttpServer(publishing(ONE)) as server:
        yield server


@pytest.fixture
def begin(with_tokens: WithTokens, issuer: HttpServer) -> Iterator[Callable[[], Api]]:
    """Start a service, which fetches the keys at once."""
    with ExitStack() as started:
        service = with_tokens(jwks_url=issuer.url, algorithms=("RS256", "ES256"))
        yield lambda: started.enter_context(service)


@pytest.fixture
def api(begin: Callable[[], Api]) -> Api:
    """A service that has fetched the keys."""
    api = begin()
    accepted(me(api, bearer("one")))
    return api


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch the keys every 0.1 seconds."""
    monkeypatch.setattr(issuer_keys, "JWKS_SECONDS", 0.1)
    monkeypatch.setattr(issuer_keys, "JWKS_RETRY_SECONDS", 0.1)


@pytest.fixture
def without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetch the keys for every token with an unknown key."""
    monkeypatch.setattr(issuer_keys, "JWKS_PAUSE_SECONDS", 0)


def test_a_token_is_verified_by_the_key_that_it_names(
    begin: Callable[[], Api], issuer: HttpServer
) -> None:
    issuer.answer = publishing(ONE, TWO, CURVE)
    api = begin()

    accepted(me(api, bearer("one")))
    accepted(me(api, bearer("two", OTHER_RSA_KEY)))
    accepted(me(api, bearer("curve", EC_KEY, "ES256")))
    assert len(issuer.received) == 1

    refused(me(api, bearer("one", OTHER_RSA_KEY)), DOES_NOT_VERIFY)
    refused(me(api, bearer("three")), DOES_NOT_VERIFY)
    refused(me(api, bearer(None)), DOES_NOT_VERIFY)
    refused(me(api, "Bearer garbage"), DOES_NOT_VERIFY)


def test_a_key_is_good_for_its_own_algorithm(begin: Callable[[], Api], issuer: HttpServer) -> None:
    issuer.answer = publishing(ONE, CURVE, SYMMETRIC)
    api = begin()

    refused(me(api, bearer("one", EC_KEY, "ES256")), DOES_NOT_VERIFY)
    refused(me(api, bearer("curve", RSA_KEY)), DOES_NOT_VERIFY)
    refused(me(api, bearer("one", RSA_KEY, "RS512")), DOES_NOT_VERIFY)
    # The public key is public: accepted as an HS256 secret, it would let anybody in.
    confused = handmade({"alg": "HS256", "kid": "one"}, '{"sub": "x"}', pem(RSA_KEY))
    refused(me(api, f"Bearer {confused}"), DOES_NOT_VERIFY)
    # A published secret is public, too.
    confused = handmade({"alg": "RS256", "kid": "secret"}, '{"sub": "x"}', SECRET)
    refused(me(api, f"Bearer {confused}"), DOES_NOT_VERIFY)


def signed_with_a_short_key() -> str:
    with pytest.warns(InsecureKeyLengthWarning):
        return bearer("short", SHORT_RSA_KEY)


@pytest.mark.parametrize(
    ("published", "text"),
    [
        (SYMMETRIC, bearer("secret", SECRET, "HS256")),
        ({**ONE, "use": "enc"}, bearer("one")),
        ({**ONE, "alg": "RS512"}, bearer("one", RSA_KEY, "RS512")),
        (SHORT, signed_with_a_short_key()),
        ({**ONE, "kid": 7}, bearer("7")),
        ({**ONE, "kid": ["one"]}, bearer("one")),
        ({**ONE, "n": "AQAB"}, bearer("one")),
        ({**ONE, "kty": "nonsense"}, bearer("one")),
    ],
    ids=["secret", "encrypts", "not pinned", "short", "number", "list", "broken", "no such kind"],
)
def test_what_is_published_besides_signs_nothing(
    begin: Callable[[], Api], issuer: HttpServer, published: dict[str, Any], text: str
) -> None:
    issuer.answer = publishing(published, TWO)
    api = begin()

    refused(me(api, text), DOES_NOT_VERIFY)
    accepted(me(api, bearer("two", OTHER_RSA_KEY)))


def test_a_token_cannot_bring_its_own_key(api: Api) -> None:
    elsewhere = publishing({**TWO, "kid": "one"}, TWO)
    own = {"jwk": TWO, "x5c": ["x"], "typ": "JWT"}
    with HttpServer(elsewhere) as attacker:
        for kid in ("one", "two", f"{attacker.url}/two", "../../two", "' OR 1=1 --", ""):
            headers = {**own, "kid": kid, "jku": attacker.url, "x5u": attacker.url}
            forged = token(key=OTHER_RSA_KEY, algorithm="RS256", headers=headers)
            refused(me(api, f"Bearer {forged}"), DOES_NOT_VERIFY)
        assert attacker.received == []


def test_unknown_keys_do_not_make_it_ask_again_and_again(api: Api, issuer: HttpServer) -> None:
    for number in range(20):
        refused(me(api, bearer(str(number))), DOES_NOT_VERIFY)

    assert len(issuer.received) == 1


@pytest.mark.usefixtures("without_pause")
def test_a_new_key_counts_when_it_is_first_used(api: Api, issuer: HttpServer) -> None:
    issuer.answer = publishing(ONE, TWO)

    accepted(me(api, bearer("two", OTHER_RSA_KEY)))
    accepted(me(api, bearer("one")))
    assert len(issuer.received) == 2


@pytest.mark.usefixtures("often")
def test_a_new_key_is_fetched_before_it_is_used(api: Api, issuer: HttpServer) -> None:
    issuer.answer = publishing(ONE, TWO)
    seen = len(issuer.received) + 2
    until(lambda: len(issuer.received) > seen)

    accepted(me(api, bearer("two", OTHER_RSA_KEY)))


@pytest.mark.usefixtures("often")
def test_a_key_that_was_withdrawn_counts_no_more(api: Api, issuer: HttpServer) -> None:
    remembered = bearer("one")
    accepted(me(api, remembered))
    issuer.answer = publishing(TWO)

    until(lambda: me(api, remembered).status_code == 401)
    refused(me(api, remembered), DOES_NOT_VERIFY)
    refused(me(api, bearer("one")), DOES_NOT_VERIFY)
    accepted(me(api, bearer("two", OTHER_RSA_KEY)))


@pytest.mark.usefixtures("often")
def test_all_keys_can_be_withdrawn(api: Api, issuer: HttpServer) -> None:
    remembered = bearer("one")
    accepted(me(api, remembered))
    issuer.answer = publishing()

    until(lambda: me(api, remembered).status_code != 200)
    unavailable(me(api, remembered))


@pytest.mark.usefixtures("often")
def test_the_keys_of_an_issuer_that_went_away_count_on(api: Api, issuer: HttpServer) -> None:
    issuer.answer = answer(500)
    seen = len(issuer.received) + 2
    until(lambda: len(issuer.received) > seen)

    accepted(me(api, bearer("one")))
    unavailable(me(api, bearer("two", OTHER_RSA_KEY)))

    issuer.answer = publishing(ONE, TWO)
    until(lambda: me(api, bearer("two", OTHER_RSA_KEY)).status_code == 200)


@pytest.mark.usefixtures("often")
def test_they_do_not_count_for_ever(
    monkeypatch: pytest.MonkeyPatch, begin: Callable[[], Api], issuer: HttpServer
) -> None:
    assert issuer_keys.JWKS_STALE_SECONDS + auth.CACHE_SECONDS == 3600
    monkeypatch.setattr(issuer_keys, "JWKS_STALE_SECONDS", 1)
    api = begin()
    accepted(me(api, bearer("one")))
    issuer.answer = answer(500)

    until(lambda: me(api, bearer("one")).status_code != 200)
    unavailable(me(api, bearer("one")))


@pytest.mark.parametrize(
    "reply",
    [
        answer(500),
        answer(404, body=b"{}"),
        answer(302, {"Location": "/elsewhere"}),
        answer(200, body=b"<html>"),
        answer(200, body=b"\xff"),
        answer(200, body=b"[" * 100_000),
        answer(200, body=b"[]"),
        answer(200, body=b'{"keys": []}'),
        answer(200, body=b'{"keys": 7}'),
        answer(200, body=b'{"keys": [7]}'),
        answer(200, body=b'{"keys": [{}]}'),
    ],
    ids=[
        "500",
        "404",
        "302",
        "html",
        "no text",
        "deep",
        "list",
        "no keys",
        "number",
        "numbers",
        "no kind",
    ],
)
@pytest.mark.usefixtures("often")
def test_an_issuer_in_trouble_is_not_the_fault_of_the_token(
    begin: Callable[[], Api], issuer: HttpServer, reply: Any
) -> None:
    issuer.answer = reply
    api = begin()
    until(lambda: len(issuer.received) > 1)
    unavailable(me(api, bearer("one")))

    issuer.answer = publishing(ONE)
    until(lambda: me(api, bearer("one")).status_code == 200)


@pytest.mark.every_way
def test_an_issuer_that_is_away(with_tokens: WithTokens) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with with_tokens(jwks_url=url, algorithms=("RS256",)) as api:
        for _ in range(3):
            unavailable(me(api, bearer("one")))


class TestHanging:
    """The issuer accepts requests but never responds."""

    @pytest.fixture
    def patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(issuer_keys, "JWKS_TIMEOUT_SECONDS", PATIENCE_SECONDS)

    @pytest.fixture
    def over(self) -> Iterator[threading.Event]:
        over = threading.Event()
        yield over
        over.set()

    @pytest.fixture
    def hang(self, over: threading.Event) -> Callable[[BaseHTTPRequestHandler], None]:
        def hang(handler: BaseHTTPRequestHandler) -> None:
            over.wait(PATIENCE_SECONDS)
            handler.close_connection = True

        return hang

    def test_it_is_waited_for_once(
        self,
        monkeypatch: pytest.MonkeyPatch,
        with_tokens: WithTokens,
        issuer: HttpServer,
        hang: Callable[[BaseHTTPRequestHandler], None],
    ) -> None:
        monkeypatch.setattr(issuer_keys, "JWKS_TIMEOUT_SECONDS", 1)
        issuer.answer = hang
        with (
            with_tokens(jwks_url=issuer.url, algorithms=("RS256",)) as api,
            ThreadPoolExecutor() as executor,
        ):
            begun = time.monotonic()
            for each in [
                executor.submit(me, api.with_client_of_its_own(), bearer("one")) for _ in range(8)
            ]:
                unavailable(each.result())
            assert time.monotonic() - begun < 3 * issuer_keys.JWKS_TIMEOUT_SECONDS

    @pytest.mark.usefixtures("patient", "without_pause")
    def test_tokens_with_known_keys_do_not_wait(
        self,
        api: Api,
        issuer: HttpServer,
        over: threading.Event,
        hang: Callable[[BaseHTTPRequestHandler], None],
    ) -> None:
        issuer.answer = hang
        with ThreadPoolExecutor() as executor:
            attackers = [
                executor.submit(me, api.with_client_of_its_own(), bearer(f"unknown {number}"))
                for number in range(8)
            ]
            until(lambda: len(issuer.received) == 2)
            # One request waits for the issuer in one of two threads; the others fail at once.
            until(lambda: sum(each.done() for each in attackers) == 7)
            for _ in range(10):
                accepted(me(api, bearer("one")))
            assert sum(each.done() for each in attackers) == 7

            over.set()
            for each in attackers:
                unavailable(each.result())
            accepted(me(api, bearer("one")))


def test_nothing_is_fetched_for_a_service_that_ended(
    with_tokens: WithTokens, issuer: HttpServer
) -> None:
    def fetching() -> list[str]:
        names = [thread.name for thread in threading.enumerate()]
        return [name for name in names if name == "issuer-keys"]

    until(lambda: not fetching())
    with with_tokens(jwks_url=issuer.url, algorithms=("RS256",)):
        assert fetching()
    until(lambda: not fetching())
