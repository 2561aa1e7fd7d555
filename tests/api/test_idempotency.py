"""Idempotency-Key: a repeated request registers nothing and gets the first response."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from dreamlake_assets import store
from dreamlake_assets.config import Settings
from dreamlake_assets.model.kinds import KINDS
from tests.conftest import NAMESPACE, READER, STRANGER, WRITER, headers_of
from tests.support.api import LEFT_OUT, PROJECT, Answer, Api, problem, row_counts, serving

KIND_NAMES = list(KINDS)
KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"
BODY = {"episodeName": "run-042", "name": "/camera/front/run01.mp4", "tags": ["night"]}


@pytest.fixture
def other_process(api: Api, settings: Settings) -> Iterator[Api]:
    """A second service on the same database."""
    assert api
    with serving(settings) as app:
        yield Api(app.test_client(), headers_of(settings))


def replayed(response: Answer, first: Answer) -> None:
    assert (response.status_code, response.json) == (201, first.json)
    assert response.location == first.location
    assert response.headers["Idempotent-Replayed"] == "true"


def refused(response: Answer) -> None:
    assert response.status_code == 422
    assert problem(response) == {
        "error": "This Idempotency-Key was used for another request.",
        "code": "idempotency_key_reused",
    }


@pytest.mark.every_way
@pytest.mark.parametrize("kind", KIND_NAMES)
@pytest.mark.parametrize("body", [{}, BODY], ids=["least", "path"])
def test_the_same_request_again_gets_the_first_answer(
    *,
    api: Api,
    other_process: Api,
    connection: psycopg.Connection,
    kind: str,
    body: dict[str, Any],
) -> None:
    body = {**body, KINDS[kind].bss_field: "a1b2c3"}
    first = api.register(kind, idempotency_key=KEY, **body)
    before = row_counts(connection)
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers

    for again in (api, other_process, api):
        replayed(again.register(kind, idempotency_key=KEY, **body), first)

    assert row_counts(connection) == before
    assert [item["id"] for item in api.listing(kind).json] == [first.json["id"]]


@pytest.mark.parametrize(
    "spelling",
    [
        {"metadata": {"b": [1.0, None], "a": {"d": "é", "c": 1}}},
        {"name": "camera//front/run01.mp4"},
        {"fps": 30},
        {"lens": "pinhole"},
        {"lens": None},
        {"project": LEFT_OUT, "space": PROJECT},
        {"space": PROJECT},
        {"bssVideoId": None},
    ],
    ids=str,
)
def test_the_same_in_other_words_is_the_same(api: Api, spelling: dict[str, Any]) -> None:
    body = {**BODY, "metadata": {"a": {"c": 1, "d": "é"}, "b": [1.0, None]}}
    first = api.register(idempotency_key=KEY, **body)

    replayed(api.register(idempotency_key=KEY, **{**body, **spelling}), first)


#: Requests without namespace and project, and the start of the digest stored for them by the
#: first version that supported keys.
RECORDED = [
    ("video", "{}", "f3b6c63bdeef"),
    ("video", '{"fps": 30}', "f3b6c63bdeef"),
    ("video", '{"fps": 30.0}', "f3b6c63bdeef"),
    ("video", '{"fps": 3e1}', "f3b6c63bdeef"),
    ("video", '{"fps": 29.97}', "1e21af6426ed"),
    ("video", '{"fps": 0.1}', "05ff1436c3fc"),
    ("video", '{"fps": 1000000000000000000000000000000}', "a3e6d8d3d184"),
    ("video", '{"fps": 9007199254740993}', "e1ac868faa49"),
    ("video", '{"fps": 1e-7}', "533a83ee6dfb"),
    ("video", '{"fps": null, "lens": null, "metadata": null}', "f3b6c63bdeef"),
    (
        "video",
        '{"episodeName": "run-042", "name": "a//b.mp4", "bssVideoId": "c", "tags": ["x"]}',
        "e53250589275",
    ),
    ("audio", '{"sampleRate": 16000, "channels": 2}', "de2db4d7fd71"),
    ("audio", '{"sampleRate": 44100.5, "channels": 1.0}', "76f29abc9635"),
    ("label-track", '{"name": "/détections/boîtes.jsonl"}', "944af0e2f15b"),
    ("text-track", '{"format": "vtt", "language": "pt-BR"}', "5bbef9f039b6"),
    ("image", '{"width": 1280, "height": 720}', "ad6276fdf364"),
    ("video", '{"metadata": {}}', "05c25603733e"),
    (
        "video",
        r'{"metadata": {"b": [1, 1.0, -0.0, -0], "a": {"d": "é", "c": "\u00e9"}}}',
        "61c8fa483b60",
    ),
    ("video", '{"metadata": {"n": [18446744073709551615, -9223372036854775808]}}', "f523b3aa3b22"),
    (
        "video",
        '{"metadata": {"n": [18446744073709551616, 1e20, -9223372036854775809]}}',
        "1905d20a4677",
    ),
    (
        "video",
        '{"metadata": {"n": [1712345678.123456789, 0.10000000000000001, 1.50]}}',
        "2deb4257fa4c",
    ),
    ("video", '{"metadata": {"n": [1e300, 1E5, 1e16, 1e-7, 5e-324]}}', "7e1339a5cfe9"),
]


@pytest.mark.parametrize(("kind", "body", "digest"), RECORDED)
def test_a_key_of_an_earlier_version_goes_on_replaying(
    *, api: Api, connection: psycopg.Connection, kind: str, body: str, digest: str
) -> None:
    place = f'{{"namespace": "{NAMESPACE}", "project": "{PROJECT}"'
    body = f"{place}, {body[1:]}" if body != "{}" else f"{place}}}"

    first = api.send(body, kind, idempotency_key=KEY)

    [(stored,)] = connection.execute("SELECT encode(request_digest, 'hex') FROM asset").fetchall()
    assert stored.startswith(digest)
    replayed(api.send(body, kind, idempotency_key=KEY), first)


@pytest.mark.parametrize(
    "difference",
    [
        {"project": "other"},
        {"episodeName": "run-043"},
        {"episodeName": None},
        {"name": "/new/path/run01.mp4"},
        {"name": None},
        {"bssVideoId": "x"},
        {"fps": 29.97},
        {"lens": "fisheye"},
        {"tags": []},
        {"tags": ["night", "rain"]},
        {"metadata": {"a": 2}},
        {"metadata": {"a": "1"}},
        {"metadata": None},
    ],
    ids=str,
)
def test_another_body_is_refused_and_writes_nothing(
    api: Api, connection: psycopg.Connection, difference: dict[str, Any]
) -> None:
    body = {**BODY, "metadata": {"a": 1}}
    first = api.register(idempotency_key=KEY, **body)
    before = row_counts(connection)

    refused(api.register(idempotency_key=KEY, **{**body, **difference}))

    assert row_counts(connection) == before
    replayed(api.register(idempotency_key=KEY, **body), first)


@pytest.mark.every_way
def test_another_kind_is_another_request(api: Api) -> None:
    api.register("label-track", idempotency_key=KEY)

    refused(api.register("text-track", idempotency_key=KEY))


def test_another_key_and_no_key_register_again(api: Api) -> None:
    keys = [KEY, KEY.upper(), "1", None, None]
    answers = [api.register(idempotency_key=key, **BODY) for key in keys]

    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.json["id"] for answer in answers}) == 5
    assert not any("Idempotent-Replayed" in answer.headers for answer in answers)


def test_a_request_that_failed_does_not_use_up_its_key(api: Api) -> None:
    assert api.register(idempotency_key=KEY, fps=-1).status_code == 400

    response = api.register(idempotency_key=KEY, fps=1)

    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response.headers


class TestWhose:
    """A key belongs to a namespace."""

    @pytest.fixture
    def first(self, api: Api) -> Answer:
        return api.register(idempotency_key=KEY, **BODY)

    def test_other_namespaces_have_their_own(
        self, api: Api, first: Answer, connection: psycopg.Connection
    ) -> None:
        store.namespace.create(connection, namespace="other")
        store.namespace.add_member(connection, namespace="other", subject=WRITER, role="writer")

        there = api.register(namespace="other", idempotency_key=KEY, **BODY)

        assert there.status_code == 201
        assert there.json["id"] != first.json["id"]
        assert "Idempotent-Replayed" not in there.headers

    def test_another_writer_gets_the_answer(
        self, api: Api, first: Answer, connection: psycopg.Connection
    ) -> None:
        member = {"namespace": NAMESPACE, "subject": "second"}
        store.namespace.add_member(connection, **member, role="writer")

        replayed(api.register(subject="second", idempotency_key=KEY, **BODY), first)

    @pytest.mark.parametrize(("subject", "status"), [(READER, 403), (STRANGER, 404)])
    @pytest.mark.parametrize("more", [{}, {"fps": 1}], ids=["same", "other"])
    def test_nobody_else_learns_that_it_is_there(
        self, *, api: Api, first: Answer, subject: str, status: int, more: dict[str, Any]
    ) -> None:
        assert first.status_code == 201
        answers = [
            api.register(subject=subject, idempotency_key=key, **BODY, **more)
            for key in (KEY, "unused")
        ]

        assert [answer.status_code for answer in answers] == [status] * 2
        assert problem(answers[0]) == problem(answers[1])


@pytest.mark.every_way
@pytest.mark.parametrize("key", ["!", "~" * 255, '"8e03978e"', "a,b;c"])
def test_any_visible_characters_make_a_key(api: Api, key: str) -> None:
    first = api.register(idempotency_key=key)

    replayed(api.register(idempotency_key=key), first)


@pytest.mark.every_way
@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é", "a\tb"])
def test_what_is_no_key_is_refused(shared_api: Api, key: str) -> None:
    refused_key(shared_api, key)


# Not through nginx: it rejects the character in every header.
def test_a_delete_character_makes_no_key(shared_api: Api) -> None:
    refused_key(shared_api, "\x7f")


def refused_key(shared_api: Api, key: str) -> None:
    message = "Must have 1 to 255 visible ASCII characters."

    response = shared_api.register(idempotency_key=key)

    assert response.status_code == 400
    assert problem(response) == {
        "error": f"Idempotency-Key: {message}",
        "code": "invalid_request",
        "fields": {"Idempotency-Key": [message]},
    }


def test_a_key_goes_with_whatever_goes_without(shared_api: Api) -> None:
    """Nest metadata up to and beyond the limit."""
    statuses = []
    for depth in range(248, 260):
        metadata: Any = {}
        for _ in range(depth):
            metadata = {"a": metadata}
        without = shared_api.register(metadata=metadata)
        key = f"deep-{depth}"
        answers = [shared_api.register(idempotency_key=key, metadata=metadata) for _ in range(2)]
        assert [each.status_code for each in answers] == 2 * [without.status_code], depth
        statuses.append(without.status_code)
    assert (statuses[0], statuses[-1]) == (201, 400)


@pytest.mark.parametrize("change", ["PATCH", "DELETE"])
def test_an_asset_that_was_changed_still_replays_its_first_response(
    shared_api: Api, change: str
) -> None:
    """The episode and the folder are those of the request, though the asset has moved."""
    fields = {"name": "/camera/front/run01.mp4", "episodeName": "run-042", "bssVideoId": "v"}
    key = f"replayed-after-{change}"
    first = shared_api.register(idempotency_key=key, **fields)
    move = {"name": "/moved/to.mp4", "episodeName": None, "bssVideoId": "w"}
    body = move if change == "PATCH" else None
    assert shared_api.get(first.location, method=change, json=body).status_code in (200, 204)

    replayed = shared_api.register(idempotency_key=key, **fields)

    assert (replayed.status_code, replayed.json) == (201, first.json)
    assert replayed.headers["Idempotent-Replayed"] == "true"
    assert replayed.headers["ETag"] == first.headers["ETag"] == '"1.1"'
