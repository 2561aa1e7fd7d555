"""GET /assets/<kind> by tags and by time, alone and combined with other parameters."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import psycopg
import pytest

from tests.conftest import NAMESPACE
from tests.support.api import PROJECT, Answer, Api, problem

TAGS = (["night"], ["rain", "night"], ["rain"], [], ["night", "rain", "fog"])
NAMES = ("/camera/front/b.mp4", None, "/camera/back/a.mp4", "/camera/front/a.mp4", "/z")
EPISODES = (None, "run-042")

#: Too many to sort: the query walks the list instead, see sql/asset/list_by_tag.sql.
MANY = 5001


@pytest.fixture(scope="module")
def filled(shared_api: Api, shared_connection: psycopg.Connection) -> Api:
    """Assets of each name and tags, inside and outside an episode, an hour apart."""
    for name, tags, episode in product(NAMES, TAGS, EPISODES):
        shared_api.register(name=name, tags=tags, episodeName=episode)
        shared_api.register("audio", name=name, tags=tags, episodeName=episode)
    shared_api.register(project="other", name="/camera/front/a.mp4", tags=["night", "rain"])
    shared_connection.execute(
        "UPDATE asset SET created_at = '2026-04-14T00:00:00Z'::timestamptz"
        " + (number || ' hours')::interval"
        " FROM (SELECT asset_id, row_number() OVER (ORDER BY asset_id) AS number FROM asset"
        "   WHERE kind = 'video') AS numbered"
        " WHERE numbered.asset_id = asset.asset_id"
    )
    return shared_api


@pytest.fixture(params=["few", "many"])
def api(
    request: pytest.FixtureRequest, filled: Api, shared_connection: psycopg.Connection
) -> Iterator[Api]:
    """The same assets, alone or among so many others that queries walk the list."""
    if request.param == "many":
        shared_connection.execute(
            "INSERT INTO asset (namespace_id, space_id, asset_id, created_at, kind, name, fps,"
            " lens, tags)"
            " SELECT namespace_id, space_id, gen_random_uuid(), '2026-04-15T00:00:00.5Z', 'video',"
            "   '/crowd/' || number, 30, 'pinhole', '{night,rain}'"
            " FROM space CROSS JOIN generate_series(1, %s) AS number WHERE slug = %s",
            [MANY, PROJECT],
        )
    yield filled
    shared_connection.execute("DELETE FROM asset WHERE name LIKE '/crowd/%'")


def every(api: Api, **query: Any) -> list[dict[str, Any]]:
    """The listed items outside /crowd/."""
    response = api.listing(**query)
    assert response.status_code == 200, response.text
    return [item for item in response.json if not (item["name"] or "").startswith("/crowd/")]


FILTERS: list[dict[str, Any]] = [
    {"tag": "night"},
    {"tag": ["night", "rain"]},
    {"tag": ["rain", "night", "night"]},
    {"tag": "fog"},
    {"tag": "nowhere"},
    {"createdAfter": "2026-04-14T20:00:00.000Z"},
    {"createdBefore": "2026-04-14T20:00:00.000Z"},
    {"createdAfter": "2026-04-14T10:00:00.000Z", "createdBefore": "2026-04-15T06:00:00.000Z"},
    {"createdAfter": "2026-04-15T06:00:00.000Z", "createdBefore": "2026-04-14T10:00:00.000Z"},
    {"tag": "rain", "createdAfter": "2026-04-14T20:00:00.000Z"},
]
MORE: list[dict[str, Any]] = [
    {},
    {"prefix": "/camera/front"},
    {"glob": "/camera/*/a.mp4"},
    {"glob": "**/a.mp4", "prefix": "/nowhere"},
    {"episode": "run-042"},
    {"episode": "run-042", "prefix": "/camera"},
    {"episode": "run-042", "glob": "/camera/front/?.mp4"},
]


@pytest.mark.parametrize("more", MORE, ids=str)
def test_what_is_listed_is_what_matches_in_the_same_order(
    api: Api, shared_connection: psycopg.Connection, more: dict[str, Any]
) -> None:
    rows = shared_connection.execute("SELECT asset_id::text, tags FROM asset").fetchall()
    tags_of = dict(rows)
    whole = every(api, **more)
    assert len(whole) >= 5

    for filters in FILTERS:
        wanted = (
            {filters["tag"]} if isinstance(filters.get("tag"), str) else {*filters.get("tag", ())}
        )
        after = filters.get("createdAfter", "")
        before = filters.get("createdBefore", "9")
        expected = [
            item
            for item in whole
            if wanted <= set(tags_of[item["id"]]) and after <= item["createdAt"] < before
        ]

        assert every(api, **filters, **more) == expected


@pytest.mark.parametrize("more", MORE, ids=str)
def test_all_pages_together_are_the_whole_list(filled: Api, more: dict[str, Any]) -> None:
    for filters in ({"tag": ["night", "rain"]}, {"createdAfter": "2026-04-14T05:00:00Z"}):
        whole = every(filled, **filters, **more)
        assert whole
        for limit in (1, 3, len(whole), len(whole) + 1):
            pages = list(filled.pages(limit=limit, **filters, **more))
            assert [item for page in pages for item in page] == whole
            assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)


@pytest.mark.every_way
@pytest.mark.parametrize("filters", [{"tag": "rain"}, {"createdAfter": "2026-04-14T00:00:00Z"}])
def test_a_crowd_is_paged(
    api: Api, filters: dict[str, Any], shared_connection: psycopg.Connection
) -> None:
    whole = [item["id"] for item in api.listing(**filters).json]

    pages = list(api.pages(limit=1000, **filters))

    assert [item["id"] for page in pages for item in page] == whole
    assert len(whole) == len(set(whole))


def test_a_time_is_half_open(filled: Api) -> None:
    moment = "2026-04-14T10:00:00Z"
    whole = {item["id"] for item in every(filled)}
    later = {item["id"] for item in every(filled, createdAfter=moment)}
    earlier = {item["id"] for item in every(filled, createdBefore=moment)}

    assert later | earlier == whole
    assert not later & earlier
    assert moment.replace("Z", ".000Z") in {
        item["createdAt"] for item in every(filled, createdAfter=moment)
    }


@pytest.mark.parametrize(
    "moment",
    [
        "2026-04-14T20:00:00Z",
        "2026-04-14t20:00:00z",
        "2026-04-14T20:00:00.000000000Z",
        "2026-04-14T22:00:00+02:00",
        "2026-04-14T14:30:00-05:30",
        "2026-04-15T19:59:00+23:59",
    ],
)
def test_a_time_may_be_written_in_many_ways(filled: Api, moment: str) -> None:
    expected = every(filled, createdAfter="2026-04-14T20:00:00Z")

    assert every(filled, createdAfter=moment) == expected


@pytest.mark.parametrize(
    "moment", ["2026-04-13T23:59:60Z", "2026-04-13T15:59:60.000-08:00", "2026-04-14t01:59:60+02:00"]
)
def test_a_leap_second_is_the_next_second(filled: Api, moment: str) -> None:
    expected = every(filled, createdAfter="2026-04-14T00:00:00Z")

    assert every(filled, createdAfter=moment) == expected
    assert every(filled, createdBefore=moment) == []


@pytest.mark.parametrize(
    ("field", "moment"),
    [
        ("createdAfter", "0001-01-01T00:00:00Z"),
        ("createdAfter", "0001-01-01T00:00:00+14:00"),
        ("createdAfter", "0000-02-29T00:00:00Z"),
        ("createdBefore", "9999-12-31T23:59:59Z"),
        ("createdBefore", "9999-12-31T23:59:59.9999999Z"),
        ("createdBefore", "9999-12-31T23:59:59.9999999-12:00"),
        ("createdBefore", "9999-12-31T23:59:60Z"),
    ],
)
def test_the_first_and_the_last_times_limit_nothing(filled: Api, field: str, moment: str) -> None:
    assert every(filled, **{field: moment}) == every(filled)


@pytest.mark.every_way
def test_a_cursor_belongs_to_its_filters(filled: Api) -> None:
    cursor = filled.listing(limit=1, tag=["night", "rain"]).headers["X-Next-Cursor"]

    others: list[dict[str, Any]] = [{}, {"tag": "night"}, {"tag": ["night", "rain", "fog"]}]
    for other in others:
        response = filled.listing(limit=1, cursor=cursor, **other)
        assert (response.status_code, [*response.json["fields"]]) == (400, ["cursor"])


def test_an_empty_result(filled: Api) -> None:
    assert filled.listing("text-track", tag="night").json == []
    assert filled.listing("text-track", createdAfter="2026-04-14T00:00:00Z", limit=5).json == []


@pytest.mark.every_way
@pytest.mark.parametrize("more", [{"tag": "night"}, {"createdBefore": "2026-04-14T20:00:00Z"}])
def test_what_is_missing_is_said(filled: Api, more: dict[str, str]) -> None:
    for query, code in (
        ({"namespace": "nowhere"}, "namespace_not_found"),
        ({"project": "nowhere"}, "project_not_found"),
        ({"episode": "nowhere"}, "episode_not_found"),
    ):
        response = filled.listing(**query, **more)
        assert (response.status_code, problem(response)["code"]) == (404, code)


def bad(response: Answer, field: str, message: str) -> None:
    assert response.status_code == 400
    assert problem(response)["fields"] == {field: [message]}


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "yesterday",
        "2026-04-14",
        "2026-04-14T20:00:00",
        "2026-04-14 20:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-04-14T24:00:01Z",
        "2026-04-14T20:00:00+2:00",
        "2026-04-14T20:00:60Z",
        "2026-04-14T23:59:61Z",
        "2026-04-14T23:59:60+01:00",
        "0000-02-30T00:00:00Z",
        "infinity",
        "2026-W16-2T20:00:00Z",
        "٢٠٢٦-04-14T20:00:00Z",
    ],
)
@pytest.mark.parametrize("field", ["createdAfter", "createdBefore"])
def test_what_is_no_time(shared_api: Api, field: str, moment: str) -> None:
    message = (
        "Must be an RFC 3339 timestamp, such as 2026-04-14T09:30:00Z;"
        " in a URL, the + of an offset is written %2B."
    )

    bad(shared_api.listing(**{field: moment}), field, message)


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("", "[0] Must have 1 to 200 characters."),
        ("t" * 201, "[0] Must have 1 to 200 characters."),
        (["night", "a\tb"], "[1] Control characters are not allowed."),
        ([str(number) for number in range(11)], "Must have at most 10 tags."),
    ],
    ids=["empty", "long", "control", "many"],
)
def test_what_is_no_tag(shared_api: Api, tag: object, message: str) -> None:
    bad(shared_api.listing(tag=tag), "tag", message)


def test_other_parameters_are_given_once(shared_api: Api) -> None:
    url = f"/assets/video?namespace={NAMESPACE}&project={PROJECT}"

    bad(
        shared_api.get(f"{url}&createdAfter=&createdAfter="),
        "createdAfter",
        "Given more than once.",
    )
