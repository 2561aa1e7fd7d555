"""BSS and the token issuer over HTTPS, and environment variables for authorities and proxies."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jwt.algorithms import RSAAlgorithm

from dreamlake_assets import __version__
from dreamlake_assets.bss import FAILURES
from dreamlake_assets.config import Settings, TokenSettings
from dreamlake_assets.local.processes import free_port
from tests.api.conftest import WithTokens
from tests.conftest import headers_of
from tests.support.api import Answer, Api, problem, serving
from tests.support.certificates import Authority
from tests.support.http import HttpServer, answer
from tests.support.tokens import RSA_KEY, accepted, me, token
from tests.support.waiting import until

if TYPE_CHECKING:
    from dreamlake_assets.trace import Trace

LOCATION = "https://s3.example/bucket/key?X-Amz-Signature=a%2Fb&n=1"
BSS_ID = "the-id-that-no-log-needs"
KEYS = {"keys": [{**RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True), "kid": "one"}]}
BEARER = f"Bearer {token(key=RSA_KEY, algorithm='RS256', headers={'kid': 'one'})}"

VARIABLES = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"]
PROXIES = [
    name for each in ("http_proxy", "https_proxy", "all_proxy") for name in (each, each.upper())
]


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *PROXIES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def bss(authority: Authority) -> Iterator[HttpServer]:
    with HttpServer(answer(302, {"Location": LOCATION}), authority.server()) as server:
        yield server


@pytest.fixture
def issuer(authority: Authority) -> Iterator[HttpServer]:
    reply = answer(200, body=json.dumps(KEYS).encode())
    with HttpServer(reply, authority.server()) as server:
        yield server


Start = Callable[..., Api]


@pytest.fixture
def start(settings: Settings, namespace: str) -> Iterator[Start]:
    """Start a service that has a video of BSS at /a."""
    with ExitStack() as started:

        def start(url: str, **others: Any) -> Api:
            given = replace(settings, bss_url=url, bss_timeout=1.0, **others)
            api = Api(started.enter_context(serving(given)).test_client(), headers_of(settings))
            assert api.register(name="/a", bssVideoId=BSS_ID).status_code == 201
            return api

        yield start


@pytest.fixture
def trust(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set an environment variable to the certificate of the authority."""

    def trust(name: str) -> None:
        is_directory = name == "SSL_CERT_DIR"
        monkeypatch.setenv(name, str(authority.directory() if is_directory else authority.file))

    return trust


def downloaded(response: Answer) -> None:
    assert response.status_code == 200, response.text
    assert response.json == {"url": LOCATION, "filename": "a", "expiresAt": None}


@pytest.mark.parametrize("name", VARIABLES)
def test_bss_is_reached_where_a_usual_variable_names_its_authority(
    start: Start, bss: HttpServer, trust: Callable[[str], None], name: str
) -> None:
    trust(name)

    downloaded(start(bss.url).download(path="/a"))


@pytest.mark.parametrize("name", VARIABLES)
def test_the_issuer_is_reached_where_a_usual_variable_names_its_authority(
    with_tokens: WithTokens, issuer: HttpServer, trust: Callable[[str], None], name: str
) -> None:
    trust(name)

    with with_tokens(jwks_url=issuer.url, algorithms=("RS256",)) as api:
        accepted(me(api, BEARER))


def test_both_are_reached_where_the_setting_names_their_authority(
    settings: Settings, start: Start, bss: HttpServer, issuer: HttpServer, authority: Authority
) -> None:
    ca_file = str(authority.file)
    downloaded(start(bss.url, ca_file=ca_file).download(path="/a"))
    tokens = TokenSettings(jwks_url=issuer.url, algorithms=("RS256",))
    with serving(replace(settings, tokens=tokens, ca_file=ca_file)) as app:
        accepted(me(Api(app.test_client(), headers_of(settings)), BEARER))


def test_an_authority_is_added_to_those_of_the_machine(
    start: Start, bss: HttpServer, trust: Callable[[str], None], tmp_path: Path
) -> None:
    trust("SSL_CERT_FILE")
    other = Authority(tmp_path, "another authority")

    downloaded(start(bss.url, ca_file=str(other.file)).download(path="/a"))


def test_the_issuer_is_told_who_asks(with_tokens: WithTokens) -> None:
    """Some issuers reject the User-Agent of Python's library."""
    reply = answer(200, body=json.dumps(KEYS).encode())
    with (
        HttpServer(reply) as issuer,
        with_tokens(jwks_url=issuer.url, algorithms=("RS256",)) as api,
    ):
        accepted(me(api, BEARER))

    [request] = issuer.received
    assert request.headers["User-Agent"] == f"dreamlake-assets/{__version__}"
    assert "application/json" in request.headers["Accept"].split(", ")


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpServer]:
    """A proxy and a netrc file with a password, set in the environment."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with HttpServer(answer(200)) as proxy:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy.url)
        yield proxy


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_variable_leads_to_a_proxy_or_sends_a_password(
    start: Start, settings: Settings, authority: Authority, proxy: HttpServer, scheme: str
) -> None:
    tls = authority.server() if scheme == "https" else None
    ca_file = str(authority.file)
    with (
        HttpServer(answer(302, {"Location": LOCATION}), tls) as bss,
        HttpServer(answer(200, body=json.dumps(KEYS).encode()), tls) as issuer,
    ):
        downloaded(start(bss.url, bss_token="of-bss", ca_file=ca_file).download(path="/a"))
        tokens = TokenSettings(jwks_url=issuer.url, algorithms=("RS256",))
        with serving(replace(settings, tokens=tokens, ca_file=ca_file)) as app:
            accepted(me(Api(app.test_client(), headers_of(settings)), BEARER))

    assert proxy.received == []
    [request] = bss.received
    assert request.headers["Authorization"] == "Bearer of-bss"
    [request] = issuer.received
    assert "Authorization" not in request.headers


Trouble = Callable[[ExitStack, Authority], str]


def nobody_listens(*_: object) -> str:
    return f"http://127.0.0.1:{free_port()}"


def no_address(*_: object) -> str:
    return "http://nobody.invalid"


def no_valid_name(*_: object) -> str:
    return "http://a..b"


def hangs(stack: ExitStack, _: Authority) -> str:
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    return f"https://127.0.0.1:{listener.getsockname()[1]}"


def hangs_up(stack: ExitStack, _: Authority) -> str:
    def close(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    return stack.enter_context(HttpServer(close)).url


def fails(stack: ExitStack, _: Authority) -> str:
    return stack.enter_context(HttpServer(answer(500))).url


def speaks_no_tls(stack: ExitStack, authority: Authority) -> str:
    return fails(stack, authority).replace("http:", "https:")


def is_unknown(stack: ExitStack, authority: Authority) -> str:
    other = Authority(authority.file.parent, "another authority")
    return stack.enter_context(HttpServer(answer(500), other.server())).url


def has_expired(stack: ExitStack, authority: Authority) -> str:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    return stack.enter_context(HttpServer(answer(500), authority.server(expires=yesterday))).url


def is_of_another_host(stack: ExitStack, authority: Authority) -> str:
    return stack.enter_context(HttpServer(answer(500), authority.server("bss.example"))).url


TROUBLES = [
    (nobody_listens, "bss_unreachable", "refused"),
    (no_address, "bss_unreachable", "dns: "),
    (no_valid_name, "bss_unreachable", "dns: "),
    (hangs, "bss_timeout", "timeout: no response"),
    (hangs_up, "bss_unreachable", "closed"),
    (fails, "bss_no_redirect", "status 500"),
    (speaks_no_tls, "bss_unreachable", "tls: "),
    (is_unknown, "bss_unreachable", "certificate: unable to get local issuer certificate"),
    (has_expired, "bss_unreachable", "certificate: certificate has expired"),
    (is_of_another_host, "bss_unreachable", "certificate: IP address mismatch"),
]


@pytest.mark.parametrize(("trouble", "code", "reason"), TROUBLES)
def test_the_reason_of_a_502_is_known_and_holds_no_secret(
    start: Start, authority: Authority, trouble: Trouble, code: str, reason: str
) -> None:
    requests: list[Trace] = []
    with ExitStack() as stack:
        api = start(trouble(stack, authority), ca_file=str(authority.file))
        application: Any = api.client.application
        application.wsgi_app.listeners.append(requests.append)
        # One more than the failures after which the service stops calling BSS.
        times = FAILURES + 1 if code == "bss_unreachable" else 1
        for _ in range(times):
            response = api.download(path="/a")

            assert response.status_code == 502
            assert problem(response)["code"] == code
            assert reason not in response.text
            response.close()
        # Over HTTP, the trace of a request ends a moment after its response.
        until(lambda: sum(request.status == 502 for request in requests) == times)

    for request in requests:
        if request.status == 502:
            assert request.error_reason is not None
            assert request.error_reason.startswith(reason)
            assert BSS_ID not in request.error_reason


@pytest.mark.parametrize(("trouble", "reason"), [(each[0], each[2]) for each in TROUBLES])
def test_the_log_says_why_the_keys_of_the_issuer_cannot_be_fetched(
    settings: Settings,
    authority: Authority,
    trouble: Trouble,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ExitStack() as stack:
        url = f"{trouble(stack, authority)}/keys?token=what-no-log-needs"
        tokens = TokenSettings(jwks_url=url, algorithms=("RS256",))
        given = replace(settings, tokens=tokens, ca_file=str(authority.file))
        stack.enter_context(serving(given))
        until(lambda: "cannot be fetched" in caplog.text)

    [record] = [each for each in caplog.records if "cannot be fetched" in each.message]
    assert reason in record.message
    assert "what-no-log-needs" not in caplog.text
