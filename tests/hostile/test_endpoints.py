"""Random requests to every endpoint: hypothesis generates them, and shrinks failures."""

import json
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dreamlake_assets.model.kinds import COMMON_FIELDS, KINDS, published
from tests.conftest import NAMESPACE, SECRET
from tests.hostile.corpus import BODIES, GLOBS, STRINGS, VALUES
from tests.hostile.fuzzing import SUBJECTS, Fuzzer, Request
from tests.hostile.invariants import fault
from tests.support.api import PROJECT, Answer, Api, row_counts
from tests.support.tokens import token

#: No deadline: other load on the machine is not a failure of the service. All tests of the file
#: share the fixtures, and each example checks only its own writes.
RANDOM = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

#: Any characters, including unpaired surrogates.
TEXTS = st.sampled_from(STRINGS) | st.text(st.characters(exclude_categories=[]), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda children: st.lists(children, max_size=5) | st.dictionaries(TEXTS, children, max_size=5),
    max_leaves=12,
)
OWN_FIELDS = {
    name: {kind.bss_field, *published({**kind.own_fields, **COMMON_FIELDS}).values()}
    for name, kind in KINDS.items()
}
FIELDS = ["namespace", "project", "space", "episodeName", "name", "tags", "metadata"]
FIELDS += sorted(set().union(*OWN_FIELDS.values()))
PARAMETERS = ["namespace", "project", "space", "episode", "episodeId", "path"]
PARAMETERS += ["prefix", "glob", "name", "parent", "limit", "cursor"]
MEMBERS = ["namespace", "project", "space", "episode", "episodeId", "items"]
MEMBERS += ["prefix", "glob", "kind", "limit", "cursor"]
MANY = ["namespace", "project", "ids", "dryRun", "kind", "episode", "episodeId", "prefix", "glob"]
MANY += ["name", "tag", "createdAfter", "createdBefore"]
NO_ID = "01970000-0000-7000-8000-000000000009"
KIND = st.sampled_from(sorted(KINDS))
LISTS = KIND | st.sampled_from(["projects", "episodes", "folders"])
#: Texts that a header can hold: gunicorn refuses all others.
HEADER_TEXTS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)


def escaped(text: str) -> str:
    return quote(text, safe="", errors="surrogatepass")


def sound(response: Answer) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    assert fault(response.status_code, headers, response.data) is None, response.text
    return response


class Watched:
    """The service, and its log."""

    def __init__(self, api: Api, connection: psycopg.Connection):
        self.api = api
        self._connection = connection

    def send(self, body: str | bytes, kind: str = "video") -> None:
        before = row_counts(self._connection)
        response = sound(self.api.send(body, kind))
        after = row_counts(self._connection)
        if response.status_code == 201:
            assert after["asset"] == before["asset"] + 1
        else:
            # No BSS runs here, so the download of an existing asset is 502.
            assert response.status_code in (200, 502) or 400 <= response.status_code < 500
            assert after == before

    def send_batch(self, assets: list[Any]) -> None:
        before = row_counts(self._connection)
        body = json.dumps({"namespace": NAMESPACE, "project": PROJECT, "assets": assets})
        response = sound(self.api.send(body, "batch"))
        after = row_counts(self._connection)
        if response.status_code == 201:
            assert after["asset"] == before["asset"] + len(assets)
        else:
            assert 400 <= response.status_code < 500
            assert after == before

    def get(self, path: str, query: dict[str, str]) -> None:
        given = {"namespace": NAMESPACE, "project": PROJECT, **query}
        pairs = (f"{escaped(name)}={escaped(value)}" for name, value in given.items())
        response = sound(self.api.get(f"{path}?{'&'.join(pairs)}"))
        assert response.status_code == 200 or 400 <= response.status_code < 500


@pytest.fixture(scope="module")
def watched(shared_api: Api, shared_connection: psycopg.Connection) -> Watched:
    shared_api.register(name="/a/b.mp4")
    return Watched(shared_api, shared_connection)


@RANDOM
@given(kind=KIND, wrong=st.dictionaries(st.sampled_from(FIELDS) | TEXTS, JSON, max_size=3))
def test_registering(watched: Watched, kind: str, wrong: dict[str, Any]) -> None:
    watched.send(json.dumps({"namespace": NAMESPACE, "project": PROJECT, **wrong}), kind)


@RANDOM
@given(
    items=st.lists(
        st.dictionaries(st.sampled_from(["kind", *FIELDS]) | TEXTS, JSON, max_size=3) | JSON,
        max_size=3,
    ),
    kind=KIND,
)
def test_batches(watched: Watched, items: list[Any], kind: str) -> None:
    """No row is written unless all assets are valid."""
    items = [{"kind": kind, **item} if isinstance(item, dict) else item for item in items]
    watched.send_batch([{"kind": kind, "name": "/a"}, *items])


@RANDOM
@given(kind=KIND, name=TEXTS, episode=TEXTS, bss_id=TEXTS)
def test_registering_under_any_name(
    watched: Watched, kind: str, name: str, episode: str, bss_id: str
) -> None:
    body = {"namespace": NAMESPACE, "project": PROJECT, "name": name, "episodeName": episode}
    watched.send(json.dumps({**body, KINDS[kind].bss_field: bss_id}), kind)


@RANDOM
@given(
    verb=st.sampled_from(["delete", "restore"]),
    wrong=st.dictionaries(st.sampled_from(MANY) | TEXTS, JSON, max_size=3),
)
def test_changing_many(watched: Watched, verb: str, wrong: dict[str, Any]) -> None:
    response = sound(watched.api.change_many(verb, **{"ids": [NO_ID], **wrong}))
    assert response.status_code == 200 or 400 <= response.status_code < 500


@pytest.mark.parametrize("member", MANY)
def test_the_corpus_in_every_member(watched: Watched, member: str) -> None:
    good = {"namespace": json.dumps(NAMESPACE), "project": json.dumps(PROJECT)}
    for value in [*VALUES, *map(json.dumps, STRINGS)]:
        members = {**good, member: value}
        body = ",".join(f'"{name}":{text}' for name, text in members.items())
        response = sound(watched.api.send(f"{{{body}}}", "delete"))
        assert response.status_code == 200 or 400 <= response.status_code < 500


@RANDOM
@given(body=st.binary(max_size=200) | JSON.map(json.dumps) | st.sampled_from(BODIES))
def test_bodies_of_any_kind(watched: Watched, body: str | bytes) -> None:
    watched.send(body)


@pytest.mark.parametrize("field", FIELDS)
def test_the_corpus_in_every_field(watched: Watched, field: str) -> None:
    kind = next((kind for kind in KINDS if field in OWN_FIELDS[kind]), "video")
    good = {"namespace": json.dumps(NAMESPACE), "project": json.dumps(PROJECT)}
    for value in [*VALUES, *map(json.dumps, STRINGS)]:
        members = {**good, field: value}
        body = ",".join(f'"{name}":{text}' for name, text in members.items())
        watched.send(f"{{{body}}}", kind)


@RANDOM
@given(
    item=st.dictionaries(st.sampled_from(["id", "path", "kind"]) | TEXTS, JSON, max_size=3),
    wrong=st.dictionaries(st.sampled_from(MEMBERS) | TEXTS, JSON, max_size=3),
)
def test_downloading_many(watched: Watched, item: dict[str, Any], wrong: dict[str, Any]) -> None:
    body = {"namespace": NAMESPACE, "project": PROJECT, "items": [item], **wrong}
    watched.send(json.dumps(body), "download")


@pytest.mark.parametrize("member", ["id", "path", "kind"])
def test_the_corpus_in_every_item(watched: Watched, member: str) -> None:
    for value in [*VALUES, *map(json.dumps, STRINGS)]:
        place = f'"namespace":"{NAMESPACE}","project":"{PROJECT}"'
        watched.send(f'{{{place},"items":[{{"{member}":{value}}}]}}', "download")
        watched.send(f'{{{place},"prefix":{value},"glob":{value}}}', "download")


@RANDOM
@given(
    path=LISTS.map("/assets/{}".format) | KIND.map("/assets/{}/download".format),
    query=st.dictionaries(st.sampled_from(PARAMETERS) | TEXTS, TEXTS, max_size=4),
)
def test_asking(watched: Watched, path: str, query: dict[str, str]) -> None:
    watched.get(path, query)


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_the_corpus_in_every_parameter(watched: Watched, parameter: str) -> None:
    for value in [*STRINGS, *GLOBS]:
        for place in ("video", "episodes", "folders"):
            watched.get(f"/assets/{place}", {parameter: value})
        watched.get("/assets/video/download", {"path": "/a", parameter: value})


@RANDOM
@given(query=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=60))
def test_queries_that_are_none(watched: Watched, query: str) -> None:
    for path in (
        "/assets/video",
        "/assets/video/download",
        "/assets/episodes",
        "/auth/me",
        "/livez",
    ):
        sound(watched.api.get(f"{path}?{query.replace('#', '')}"))


@RANDOM
@given(
    cut=st.integers(0, 400),
    inserted=st.text("AZaz09-_.=", max_size=5),
    query=st.dictionaries(st.sampled_from(["prefix", "glob", "project"]), TEXTS, max_size=1),
)
def test_forged_cursors(watched: Watched, cut: int, inserted: str, query: dict[str, str]) -> None:
    for number in range(2):
        watched.api.register(name=f"/page/{number}")
    page = watched.api.listing(limit=1)
    cursor = page.headers["X-Next-Cursor"]
    forged = cursor[: cut % len(cursor)] + inserted + cursor[cut % len(cursor) + len(inserted) :]
    watched.get("/assets/video", {"cursor": forged, "limit": "1", **query})
    if forged != cursor:
        response = sound(watched.api.listing(cursor=forged, limit=1))
        assert (response.status_code, list(response.json["fields"])) == (400, ["cursor"])


@RANDOM
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"]),
    path=TEXTS | KIND.map("assets/{}".format) | st.sampled_from(["auth/me", "livez"]),
    rest=TEXTS,
)
def test_any_address_and_method(watched: Watched, method: str, path: str, rest: str) -> None:
    # The test client would interpret text after two slashes as a host name.
    url = "/" + quote(f"{path}{rest}".lstrip("/"), errors="surrogatepass")
    sound(watched.api.ask(url, method, headers={"Authorization": f"Bearer {token()}"}))


HEADERS = ["Authorization", "Content-Type", "Content-Encoding", "Accept", "Accept-Encoding"]
HEADERS += ["X-Request-Id", "Idempotency-Key", "Origin", "Range", "If-None-Match", "Host"]
HEADERS += ["X-Forwarded-For", "X-Forwarded-Proto", "X-HTTP-Method-Override", "Cookie"]


@RANDOM
@given(headers=st.dictionaries(st.sampled_from(HEADERS), HEADER_TEXTS, max_size=4))
def test_any_headers(watched: Watched, headers: dict[str, str]) -> None:
    all_headers = {"Authorization": f"Bearer {token()}", **headers}
    body = json.dumps({"namespace": NAMESPACE, "project": PROJECT})
    for method, url in (("POST", "/assets/video"), ("GET", "/auth/me"), ("GET", "/livez")):
        response = sound(watched.api.ask(url, method, data=body, headers=all_headers))
        assert response.status_code < 500


def test_what_the_program_sends(watched: Watched, shared_connection: psycopg.Connection) -> None:
    """A part of ``python -m tests.hostile``, without a network."""
    fuzzer = Fuzzer("test", {subject: token({"sub": subject}, SECRET) for subject in SUBJECTS})
    before = row_counts(shared_connection)["asset"]
    registered = 0
    for _ in range(1_500):
        request = fuzzer.request()
        response = sound(ask(watched.api, request))
        fuzzer.cursor = response.headers.get("X-Next-Cursor", fuzzer.cursor)
        fuzzer.asset = response.headers.get("Location", fuzzer.asset)
        if response.status_code == 201:
            registered += len(response.json.get("assets", [response.json]))
    assert registered > 50
    assert row_counts(shared_connection)["asset"] == before + registered


def ask(api: Api, request: Request) -> Answer:
    return api.ask(request.target, request.method, headers=request.headers, data=request.body)


def test_the_same_seed_makes_the_same_requests() -> None:
    tokens = {subject: subject for subject in SUBJECTS}
    one, two, other = (Fuzzer(seed, tokens) for seed in ("1", "1", "2"))
    requests = [one.request() for _ in range(200)]
    assert requests == [two.request() for _ in range(200)]
    assert requests != [other.request() for _ in range(200)]
