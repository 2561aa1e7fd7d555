"""POST /assets/batch: many assets in one request, all of them or none."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import orjson
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dreamlake_assets import limits
from dreamlake_assets.model.ids import first_of_batch
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.model.names import folders
from tests.conftest import NAMESPACE, READER, STRANGER
from tests.support.api import PROJECT, Answer, Api, problem, row_counts

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"
MIXED = [
    {"kind": kind.name, **kind.sample, "tags": ["night"], "metadata": {"n": 12345678901234567890}}
    for kind in KINDS.values()
]


def ids(response: Answer) -> list[str]:
    assert response.status_code == 201, response.text
    return [each["id"] for each in response.json["assets"]]


def shown(api: Api, response: Answer) -> list[dict[str, Any]]:
    """All fields of the registered assets, except those that differ by the time."""
    found = []
    for each in response.json["assets"]:
        whole = api.get(f"/assets/{each['kind']}/{each['id']}").json
        found.append({k: v for k, v in whole.items() if k not in ("id", "createdAt", "updatedAt")})
    return found


@pytest.mark.every_way
def test_assets_of_all_kinds(api: Api, connection: psycopg.Connection) -> None:
    response = api.register_batch(
        [*MIXED, {"kind": "image", "episodeName": None}, {"kind": "audio", "episodeName": "b"}],
        episodeName="a",
    )

    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response.headers
    found = response.json["assets"]
    assert [each["kind"] for each in found] == [*KINDS, "image", "audio"]
    for asset, sample in zip(found, MIXED, strict=False):
        kind = KINDS[asset["kind"]]
        assert asset["name"] == sample["name"]
        assert asset[kind.bss_field] == sample[kind.bss_field]
        assert asset["nodeId"] is not None
        assert set(asset) == {
            *("id", "kind", "projectId", "episodeId", "nodeId", "name", kind.bss_field)
        }
    of_a, without, of_b = found[0]["episodeId"], *(each["episodeId"] for each in found[-2:])
    assert without is None
    assert len({of_a, of_b, None}) == 3
    assert row_counts(connection) == {
        "namespace": 1,
        "namespace_member": 2,
        "space": 1,
        "episode": 2,
        "node": len({folder for sample in MIXED for folder in folders(sample["name"])}),
        "asset": len(found),
    }


def test_the_episode_of_a_batch_is_made_only_if_an_asset_is_in_it(
    api: Api, connection: psycopg.Connection
) -> None:
    api.register_batch([{"kind": "video", "episodeName": ""}], episodeName="unused")

    assert row_counts(connection)["episode"] == 0


def test_the_later_of_equal_names_is_the_newer(api: Api) -> None:
    same = [{"kind": "video", "name": "/a/b", "bssVideoId": f"v{n}"} for n in range(20)]

    registered = ids(api.register_batch(same))

    assert registered == sorted(registered)
    assert [item["id"] for item in api.listing().json] == registered
    # There is no BSS here; the service asks it for the newest.
    assert api.download(path="/a/b").status_code == 502
    newest = api.get(f"/assets/video/{registered[-1]}").json
    assert newest["bssVideoId"] == "v19"


ITEMS = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from([*KINDS])},
        optional={
            "name": st.sampled_from(["a", "/a", "/f/a", "//f//g/a", "/f/g/h/é", "/f/a b", None]),
            "episodeName": st.sampled_from(["e", "f/g", "", None]),
            "tags": st.lists(st.sampled_from(['"', "\\", "{},", "null", "日本"]), max_size=3),
            "metadata": st.sampled_from([{}, {"a": [1.0, 1e300, "\u2028"]}, None]),
        },
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(items=ITEMS, episode=st.sampled_from([None, "e", "x"]))
def test_a_batch_equals_its_assets_one_by_one(
    shared_api: Api, items: list[dict[str, Any]], episode: str | None
) -> None:
    places = [{"project": f"project-{first_of_batch()}"} for _ in range(2)]

    batch = shared_api.register_batch(items, episodeName=episode, **places[0])
    single: list[Answer] = []
    for item in items:
        fields = {name: value for name, value in item.items() if name != "kind"}
        fields = {"episodeName": episode, **fields, **places[1]}
        single.append(shared_api.register(item["kind"], **fields))

    assert {each.status_code for each in single} == {201}
    found = shown(shared_api, batch)
    expected: list[dict[str, Any]] = []
    for each in single:
        whole = shared_api.get(each.location).json
        expected.append({name: whole[name] for name in found[0] if name in whole} | whole)
    unlike = ("id", "project", "projectId", "episodeId", "nodeId", "createdAt", "updatedAt")
    assert [without(each, unlike) for each in found] == [without(each, unlike) for each in expected]
    # Episodes and folders are shared alike.
    for part in ("episodeId", "nodeId"):
        assert pattern(found, part) == pattern(expected, part)
    for kind in KINDS:
        lists = [shared_api.listing(kind, limit=100, **place).json for place in places]
        names = [[without(item, ("id", "createdAt")) for item in each] for each in lists]
        assert names[0] == names[1]


def without(item: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in names}


def pattern(items: list[dict[str, Any]], name: str) -> list[int | None]:
    """The values of a field, numbered in the order of their first occurrence."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys(i[name] for i in items))}
    return [None if item[name] is None else numbers[item[name]] for item in items]


class TestInvalid:
    def test_every_invalid_asset_is_named(self, api: Api, connection: psycopg.Connection) -> None:
        good = {"kind": "video", "name": "/a/b"}
        bad = [
            *(good, 3, {}, {"kind": "film"}, {"kind": []}, {"kind": "video", "name": "/a/"}),
            {"kind": "audio", "fps": 30, "channels": 0, "tags": ["x", ""]},
            *(good, {**good, "namespace": NAMESPACE}, {**good, "space": None}),
        ]
        before = row_counts(connection)

        response = api.register_batch(bad)

        known = f"Must be one of: {', '.join(KINDS)}."
        assert (response.status_code, problem(response)) == (
            400,
            {
                "error": "assets.1: Must be an object. (8 assets are invalid.)",
                "code": "invalid_request",
                "invalid": 8,
                "fields": {
                    "assets.1": ["Must be an object."],
                    "assets.2.kind": ["Is required."],
                    "assets.3.kind": [known],
                    "assets.4.kind": [known],
                    "assets.5.name": ["Must not end with a slash."],
                    "assets.6.fps": ["Unknown field."],
                    "assets.6.channels": [f"Must be a whole number from 1 to {limits.COUNT}."],
                    "assets.6.tags": ["[1] Must have 1 to 200 characters."],
                    "assets.8.namespace": ["Unknown field."],
                    "assets.9.space": ["Unknown field."],
                },
            },
        )
        assert row_counts(connection) == before

    def test_the_first_hundred_are_named(self, shared_api: Api) -> None:
        response = shared_api.register_batch([{"kind": "video", "name": "/"}] * 1000, project=None)

        found = problem(response)
        assert found["invalid"] == 1000
        assert [*found["fields"]] == ["project", *(f"assets.{n}.name" for n in range(100))]
        assert found["error"] == "namespace or project missing"

    @pytest.mark.parametrize("assets", [None, [], {}, "x", [{"kind": "video"}] * 1001])
    def test_there_are_1_to_1000(self, shared_api: Api, assets: Any) -> None:
        found = problem(shared_api.register_batch(assets))

        message = "Is required." if assets is None else "Must be an array of 1 to 1,000 assets."
        assert found["fields"] == {"assets": [message]}
        assert "invalid" not in found

    def test_the_body_is_an_object(self, shared_api: Api) -> None:
        response = shared_api.ask("/assets/batch", "POST", json=[1], headers=shared_api._headers())

        assert problem(response)["error"] == "The body must be a JSON object."


@pytest.mark.every_way
def test_a_body_has_at_most_4_mib(shared_api: Api) -> None:
    items = [{"kind": "video", "metadata": {"text": "x" * 4000}}] * 1000
    body = json.dumps({"namespace": NAMESPACE, "project": PROJECT, "assets": items}).encode()
    longest = 4 * 1024 * 1024

    assert shared_api.send(body.ljust(longest), "batch").status_code == 201
    response = shared_api.send(body.ljust(longest + 1), "batch")
    assert (response.status_code, problem(response)["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("subject", "status", "code"),
    [(READER, 403, "forbidden"), (STRANGER, 404, "namespace_not_found")],
)
@pytest.mark.parametrize("key", [None, KEY])
def test_only_writers_may(
    *,
    api: Api,
    connection: psycopg.Connection,
    subject: str,
    status: int,
    code: str,
    key: str | None,
) -> None:
    for registered in range(2):
        response = api.register_batch(MIXED, subject=subject, idempotency_key=key)
        assert (response.status_code, problem(response)["code"]) == (status, code)
        assert row_counts(connection)["asset"] == registered * len(MIXED)
        # The second time, the path exists and the key is used.
        api.register_batch(MIXED, idempotency_key=key)


class TestIdempotencyKey:
    @pytest.mark.every_way
    def test_the_same_batch_again_gets_the_first_answer(
        self, api: Api, connection: psycopg.Connection
    ) -> None:
        first = api.register_batch(MIXED, episodeName="e", idempotency_key=KEY)
        before = row_counts(connection)
        spelling = [{**MIXED[0], "fps": None, "name": f"/{MIXED[0]['name']}"}, *MIXED[1:]]
        spelling[0]["fps"] = MIXED[0].get("fps")

        again = api.register_batch(
            [{**each, "episodeName": "e"} for each in spelling], idempotency_key=KEY
        )

        assert (again.status_code, again.json) == (201, first.json)
        assert "Idempotent-Replayed" not in first.headers
        assert again.headers["Idempotent-Replayed"] == "true"
        assert row_counts(connection) == before

    def test_it_returns_the_places_of_the_request(
        self, api: Api, connection: psycopg.Connection
    ) -> None:
        first = api.register_batch(MIXED, episodeName="e", idempotency_key=KEY)
        connection.execute("UPDATE asset SET name = NULL, node_id = NULL, episode_id = NULL")

        again = api.register_batch(MIXED, episodeName="e", idempotency_key=KEY)

        assert again.json == first.json

    @pytest.mark.parametrize(
        "change",
        [
            lambda items: items[:-1],
            lambda items: [items[1], items[0], *items[2:]],
            lambda items: [{**items[0], "tags": []}, *items[1:]],
            lambda items: [{**items[0], "name": "/new/path"}, *items[1:]],
        ],
        ids=["fewer", "order", "field", "path"],
    )
    def test_another_batch_is_refused(
        self, api: Api, connection: psycopg.Connection, change: Any
    ) -> None:
        api.register_batch(MIXED, idempotency_key=KEY)
        before = row_counts(connection)

        response = api.register_batch(change(MIXED), idempotency_key=KEY)

        assert (response.status_code, problem(response)) == (
            422,
            {
                "error": "This Idempotency-Key was used for another request.",
                "code": "idempotency_key_reused",
            },
        )
        assert row_counts(connection) == before

    def test_a_key_is_for_a_batch_or_for_a_single_asset(self, api: Api) -> None:
        asset = {"name": "/a/b", "bssVideoId": "v"}
        assert api.register(idempotency_key="single", **asset).status_code == 201
        assert ids(api.register_batch([{"kind": "video", **asset}], idempotency_key="batch"))

        batch = api.register_batch([{"kind": "video", **asset}], idempotency_key="single")
        single = api.register(idempotency_key="batch", **asset)

        assert (batch.status_code, single.status_code) == (422, 422)

    def test_a_refused_batch_uses_up_no_key(self, api: Api) -> None:
        assert api.register_batch([{}], idempotency_key=KEY).status_code == 400
        assert api.register_batch(MIXED, subject=READER, idempotency_key=KEY).status_code == 403

        response = api.register_batch(MIXED, idempotency_key=KEY)

        assert response.status_code == 201
        assert "Idempotent-Replayed" not in response.headers


@pytest.fixture
def busy(shared_api: Api) -> Iterator[None]:
    """As many batches as the worker serves at once."""
    services = shared_api.client.application.extensions["dreamlake_assets"]
    with ExitStack() as stack:
        while services.batches._value:
            stack.enter_context(services.batch())
        yield


@pytest.mark.usefixtures("busy")
def test_a_worker_serves_few_batches_at_once(shared_api: Api) -> None:
    response = shared_api.register_batch(MIXED)

    assert (response.status_code, problem(response)["code"]) == (503, "overloaded")
    assert response.headers["Retry-After"] == "1"
    assert shared_api.register(name="/a").status_code == 201


def test_the_example_of_the_document_is_accepted(shared_api: Api) -> None:
    document = shared_api.ask("/openapi.json").json
    body = document["paths"]["/assets/batch"]["post"]["requestBody"]
    example = body["content"]["application/json"]["example"]

    assert shared_api.send(orjson.dumps(example), "batch").status_code == 201
