"""GET /assets and /assets/lookup, and the filters that every list of assets has since 0.3."""

import hashlib
from itertools import product
from random import Random
from typing import Any

import psycopg
import pytest

from dreamlake_assets.model.kinds import KINDS
from tests.conftest import NAMESPACE, STRANGER
from tests.support.api import LEFT_OUT, PROJECT, Api, problem

SEGMENTS = ("cam", "cam-left", "cam.mp4", "c!", "é", "🎬", "\U0010ffff")
EPISODES = ("one", "two", LEFT_OUT)
DIGEST = hashlib.sha256(b"a").hexdigest()


def everything(api: Api, **query: Any) -> list[dict[str, Any]]:
    """A list of all kinds, which is the same as a stream and page by page."""
    whole = api.listing("", **query)
    assert whole.status_code == 200, whole.text
    paged = [item for page in api.pages("", limit=7, **query) for item in page]
    assert paged == whole.json
    return whole.json


@pytest.fixture(scope="module")
def filled(shared_api: Api) -> Api:
    """Assets of all kinds, some with equal names, some without a name or an episode."""
    random = Random(1)
    names = [
        "".join(f"/{random.choice(SEGMENTS)}" for _ in range(random.randint(1, 3)))
        for _ in range(8)
    ]
    for number, (kind, episode) in enumerate(product(KINDS, EPISODES)):
        for name in (random.choice(names), None if number % 3 else random.choice(names)):
            shared_api.register(
                kind,
                name=name,
                episodeName=episode,
                tags=random.choice([["night"], ["night", "rain"], []]),
                sha256=DIGEST if number % 4 == 0 else None,
                metadata={"number": number},
            )
    return shared_api


QUERIES: list[dict[str, Any]] = [
    {},
    {"prefix": "/cam"},
    {"glob": "/cam*/**"},
    {"glob": "**/c*"},
    {"tag": "night"},
    {"tag": ["night", "rain"], "prefix": "/c"},
    {"createdAfter": "2020-01-01T00:00:00Z"},
    {"createdBefore": "2020-01-01T00:00:00Z"},
    {"sha256": DIGEST},
    {"sha256": [DIGEST.upper(), "0" * 64], "tag": "night"},
]


@pytest.mark.parametrize("query", QUERIES, ids=str)
@pytest.mark.parametrize("episode", EPISODES, ids=str)
def test_a_list_of_all_kinds_is_the_lists_of_the_kinds_in_one_order(
    filled: Api, query: dict[str, Any], episode: object
) -> None:
    items = everything(filled, episode=episode, **query)

    separate = [
        {**item, "kind": kind}
        for kind in KINDS
        for item in filled.listing(kind, episode=episode, **query).json
    ]
    by_name = sorted(
        separate, key=lambda item: (item["name"] is None, (item["name"] or "").encode(), item["id"])
    )
    assert [{k: v for k, v in item.items() if k != "episodeId"} for item in items] == by_name
    two = everything(filled, episode=episode, kind=["audio", "file"], **query)
    assert two == [item for item in items if item["kind"] in ("audio", "file")]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_several_episodes(filled: Api, query: dict[str, Any]) -> None:
    """They list what each of them lists; a value that is repeated counts once."""
    for kind in ("", "video"):
        whole = filled.listing(kind, limit=1000, **query).json
        ids = {
            item["id"]
            for episode in ("one", "two")
            for item in filled.listing(kind, episode=episode, **query).json
        }
        for limit in (5, 1000):
            pages = filled.pages(kind, limit=limit, episode=["one", "two", "one"], **query)
            listed = [item for page in pages for item in page]
            assert listed == [item for item in whole if item["id"] in ids]


@pytest.mark.parametrize("name", ["episode", "episodeId"])
def test_an_episode_counts_once_and_an_empty_one_not_at_all(filled: Api, name: str) -> None:
    one = filled.listing("episodes", name="one").json[0]["id" if name == "episodeId" else "name"]
    same = one.upper() if name == "episodeId" else one

    assert everything(filled, **{name: ["", one, same, ""]}) == everything(filled, episode="one")
    assert everything(filled, **{name: ["", ""]}) == everything(filled)


@pytest.mark.parametrize("query", [*QUERIES[:5], {"episode": "one"}, QUERIES[-1]], ids=str)
def test_the_full_view_shows_what_showing_one_shows(filled: Api, query: dict[str, Any]) -> None:
    for kind in ("", "video"):
        plain = filled.listing(kind, **query).json
        full = filled.listing(kind, view="full", **query).json
        pages = filled.pages(kind, limit=3, view="full", **query)
        assert [item for page in pages for item in page] == full
        assert [item["id"] for item in full] == [item["id"] for item in plain]
        assert full[:3] == [
            filled.get(f"/assets/{item['kind']}/{item['id']}").json for item in full[:3]
        ]


def test_a_large_page_ends_early(api: Api, connection: psycopg.Connection) -> None:
    """Not before it has 4 MiB, and no later than a chunk of a stream after that."""
    api.register()
    connection.execute(
        "INSERT INTO asset"
        " (namespace_id, space_id, asset_id, kind, name, fps, lens, metadata)"
        " SELECT namespace_id, space_id, gen_random_uuid(), 'video', '/large/' || number, 30,"
        " 'pinhole', jsonb_build_object('note', repeat('x', 65000))"
        " FROM space, generate_series(1, 180) AS number"
    )
    for kind in ("video", ""):
        query = {"prefix": "/large/", "limit": 1000, "view": "full"}
        response = api.listing(kind, **query)
        assert 4 * 2**20 <= len(response.data) < 4 * 2**20 + 50 * 65536
        assert response.content_length == len(response.data)
        pages = [[item["id"] for item in page] for page in api.pages(kind, **query)]
        assert len(pages[0]) == 100
        plain = api.listing(kind, prefix="/large/").json
        assert [one for page in pages for one in page] == [item["id"] for item in plain]
        assert len(api.listing(kind, **{**query, "limit": 130, "view": LEFT_OUT}).json) == 130


def test_a_name_is_a_filter(filled: Api) -> None:
    for item in everything(filled)[:12]:
        name = item["name"]
        same = everything(filled, name=name.lstrip("/"))
        assert {each["name"] for each in same} == {name}
        assert item in same
        assert filled.names(item["kind"], name=name, prefix=name[:2]).count(name) >= 1
        assert filled.names(item["kind"], name=name, glob="**").count(name) >= 1
        assert filled.names(item["kind"], name=name, prefix=f"{name}0") == []
        assert filled.names(item["kind"], name=name, tag="nowhere") == []


@pytest.mark.every_way
def test_deleted_assets_are_listed_apart(api: Api, connection: psycopg.Connection) -> None:
    for number, kind in enumerate(KINDS):
        for episode in EPISODES:
            api.register(kind, name=f"/{number % 2}/{kind}", episodeName=episode, tags=["night"])
    connection.execute("UPDATE asset SET deleted_at = now() WHERE kind IN ('video', 'audio')")

    def deleted(kind: str = "", **query: Any) -> list[str]:
        pages = api.pages(kind, limit=2, deleted="only", **query)
        return [item["name"] for page in pages for item in page]

    assert deleted() == ["/0/video"] * 3 + ["/1/audio"] * 3
    assert deleted("video") == ["/0/video"] * 3
    assert deleted(episode="one") == ["/0/video", "/1/audio"]
    assert deleted(episode=["one", "two"], prefix="/0", tag="night") == ["/0/video"] * 2
    assert deleted(tag="rain") == deleted(sha256=DIGEST) == deleted("image") == []
    assert {item["kind"] for item in everything(api)} == {*KINDS} - {"video", "audio"}
    [full, *_] = api.listing("video", deleted="only", view="full", limit=5).json
    assert full["deletedAt"] is not None


@pytest.mark.every_way
def test_the_item_of_a_list_of_all_kinds(api: Api) -> None:
    registered = api.register("audio", name="/a.wav", episodeName="one", bssAudioId="b").json
    outside = api.register("file", name="/b.json", size=3).json

    first, second = everything(api)
    assert first == {
        "id": registered["id"],
        "kind": "audio",
        "episodeId": registered["episodeId"],
        "name": "/a.wav",
        "bssAudioId": "b",
        "sampleRate": None,
        "channels": None,
        "createdAt": first["createdAt"],
    }
    assert (second["id"], second["kind"], second["episodeId"]) == (outside["id"], "file", None)
    assert second["size"] == 3


@pytest.mark.every_way
def test_looking_up_a_name(api: Api, connection: psycopg.Connection) -> None:
    name = "/camera/run01"
    ids = {
        kind: api.register(kind, name=name, episodeName=episode).json["id"]
        for kind, episode in (("video", "one"), ("audio", "two"), ("image", LEFT_OUT))
    }
    api.register("text-track", name="/camera/run01.vtt")

    def look_up(**query: Any) -> str | None:
        response = api.listing("lookup", path=name.lstrip("/"), **query)
        if response.status_code == 404:
            assert response.json["code"] == "asset_not_found"
            return None
        kind, asset_id = response.json["kind"], response.json["id"]
        shown = api.get(f"/assets/{kind}/{asset_id}")
        assert response.json == shown.json
        assert response.headers["Content-Location"] == f"/assets/{kind}/{asset_id}"
        etag = response.headers["ETag"]
        assert api.get(shown.request.path, headers={"If-Match": etag}).status_code == 200
        unchanged = api.get(
            "/assets/lookup",
            query_string={"namespace": NAMESPACE, "project": PROJECT, "path": name, **query},
            headers={"If-None-Match": etag},
        )
        assert unchanged.status_code == 304
        return asset_id

    assert look_up() == ids["image"]
    assert look_up(kind=["video", "audio"]) == ids["audio"]
    assert look_up(episode="one") == ids["video"]
    assert look_up(episode="one", kind="audio") is None
    connection.execute("UPDATE asset SET deleted_at = now() WHERE kind = 'image'")
    assert look_up() == ids["audio"]
    assert look_up(kind="image") is None


def test_another_asset_of_the_name_is_not_taken_for_the_one_before(shared_api: Api) -> None:
    query = {"namespace": NAMESPACE, "project": PROJECT, "path": "/newest"}
    older = shared_api.register("image", name="/newest").location
    etag = shared_api.get("/assets/lookup", query_string=query).headers["ETag"]
    newer = shared_api.register("video", name="/newest").location

    def status(url: str, condition: str, **options: Any) -> int:
        return shared_api.get(url, headers={condition: etag}, **options).status_code

    assert status("/assets/lookup", "If-None-Match", query_string=query) == 200
    assert status("/assets/lookup", "If-Match", query_string=query) == 412
    assert status(newer, "If-Match", method="DELETE") == 412
    assert status(older, "If-Match", method="DELETE") == 204


def test_a_place_must_exist(api: Api) -> None:
    for place, more in (("", {}), ("", {"limit": 2}), ("lookup", {"path": "/a"})):
        for query, code in (
            ({"namespace": "nobody"}, "namespace_not_found"),
            ({"subject": STRANGER}, "namespace_not_found"),
            ({"project": "nowhere"}, "project_not_found"),
        ):
            response = api.listing(place, **{**more, **query})
            assert (response.status_code, response.json["code"]) == (404, code)
    api.register(episodeName="one")
    for episode in ("two", ["one", "two"]):
        for kind, more in product(("", "video"), ({}, {"tag": "a"}, {"sha256": DIGEST})):
            response = api.listing(kind, episode=episode, limit=2, **more)
            assert problem(response) == {"error": "Episode not found.", "code": "episode_not_found"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"kind": "film"}, "kind"),
        ({"kind": ""}, "kind"),
        ({"view": "whole"}, "view"),
        ({"deleted": "no", "limit": 1}, "deleted"),
        ({"deleted": "only"}, "limit"),
        ({"episode": ["a", "b"]}, "limit"),
        ({"episode": "a", "episodeId": "01970000-0000-7000-8000-000000000003"}, "episodeId"),
        ({"episode": [str(number) for number in range(21)], "limit": 1}, "episode"),
        ({"sha256": "0" * 63}, "sha256"),
        ({"sha256": [f"{number:064x}" for number in range(51)]}, "sha256"),
        ({"name": "/a/"}, "name"),
        ({"path": "/a"}, "path"),
    ],
)
def test_a_bad_query_is_refused(shared_api: Api, query: dict[str, Any], field: str) -> None:
    response = shared_api.listing("", **query)

    assert response.status_code == 400
    assert [*response.json["fields"]] == [field]


def test_the_list_of_a_kind_takes_no_kind(shared_api: Api) -> None:
    assert [*shared_api.listing("video", kind="video").json["fields"]] == ["kind"]
