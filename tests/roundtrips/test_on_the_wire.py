"""Roundtrips of a request to the database, counted on the wire.

They are counted to PostgreSQL, and to PgBouncer, where no statement is prepared.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import pytest
from werkzeug.test import TestResponse

from dreamlake_assets.config import Settings
from dreamlake_assets.model.ids import uuid7
from tests.conftest import add_namespace, headers_of, settings_of
from tests.support.api import LEFT_OUT, Api, serving
from tests.support.pgbouncer import PgBouncer, running_pgbouncer
from tests.support.postgres import Server
from tests.support.roles import SERVICE, as_role
from tests.support.wire import WireProxy

EPISODE = "2026/q1/run-042"
BODIES = {
    "video": {"fps": 29.97, "lens": "fisheye", "bssVideoId": "v"},
    "audio": {"sampleRate": 48000, "channels": 2},
    "label-track": {"tags": ["night", "rain"], "metadata": {"robot": "r2"}},
    "text-track": {"format": "vtt", "language": "pt-BR", "tags": [], "metadata": None},
    "image": {"bssImageId": "i", "width": 1920, "height": 1080},
    "file": {"size": 83, "sha256": "ab" * 32, "contentType": "application/json"},
}
QUERIES: list[dict[str, Any]] = [
    {},
    {"prefix": "/camera"},
    {"glob": "/camera/**"},
    {"glob": "/camera/*/run*"},
    {"tag": ["night", "rain"]},
    {"createdAfter": "2026-04-14T00:00:00Z"},
    {"episode": EPISODE},
    {"episode": EPISODE, "prefix": "/camera"},
    {"episode": EPISODE, "glob": "/camera/**"},
    {"episode": EPISODE, "glob": "/camera/*/run*"},
    {"episode": EPISODE, "tag": "night"},
    {"episode": EPISODE, "createdBefore": "2026-04-14T00:00:00Z", "prefix": "/camera"},
]
#: At most, of a service with two threads.
CONNECTIONS = 2


@pytest.fixture(scope="module", params=["direct", "pgbouncer"])
def pgbouncer(request: pytest.FixtureRequest, server: Server) -> Iterator[PgBouncer | None]:
    if request.param == "direct":
        yield None
        return
    with running_pgbouncer(server.port) as pgbouncer:
        yield pgbouncer


@pytest.fixture
def settings(pgbouncer: PgBouncer | None, database_url: str) -> Settings:
    settings = settings_of(as_role(SERVICE, database_url))
    return settings if pgbouncer is None else pgbouncer.settings(settings)


@pytest.fixture
def proxy(settings: Settings) -> Iterator[WireProxy]:
    with WireProxy.before(settings.database_url) as proxy:
        yield proxy


@pytest.fixture
def api(proxy: WireProxy, settings: Settings, connection) -> Iterator[Api]:
    """The service behind the proxy, before its first request."""
    add_namespace(connection)
    settings = replace(settings, database_url=proxy.url(settings.database_url))
    with serving(settings) as app:
        app.extensions["dreamlake_assets"].database.wait()
        yield Api(app.test_client(), headers_of(settings))


def cost(proxy: WireProxy, request: Callable[[], TestResponse], status: int) -> tuple[int, int]:
    """Count the roundtrips and the statements of a request."""
    with proxy.count() as counted:
        response = request()
        assert response.status_code == status, response.get_data(as_text=True)
        assert response.get_data()
    # The response reports the roundtrips counted on the wire.
    timing = response.headers["Server-Timing"]
    assert f'desc="roundtrips={counted.roundtrips}"' in timing
    return counted.roundtrips, len(counted.statements)


def name(folders: int) -> str:
    return "".join(f"/folder{number}" for number in range(folders)) + "/run01.mp4"


@pytest.mark.parametrize("folders", [0, 1, 3, 10])
@pytest.mark.parametrize("episode", [EPISODE, LEFT_OUT], ids=["episode", "no episode"])
def test_registering_takes_two_roundtrips_into_a_new_path_and_one_from_then_on(
    api: Api, proxy: WireProxy, folders: int, episode: object
) -> None:
    def register() -> TestResponse:
        return api.register(name=name(folders), episodeName=episode)

    roundtrips, statements = cost(proxy, register, 201)
    assert roundtrips == 2
    assert statements <= 4 + folders
    assert cost(proxy, register, 201) == (1, 1)
    assert cost(proxy, register, 201) == (1, 1)


@pytest.mark.parametrize("folders", [0, 3])
def test_a_key_costs_no_roundtrip_and_no_statement(
    api: Api, proxy: WireProxy, folders: int
) -> None:
    def register(key: str, bss_id: str = "v") -> TestResponse:
        fields = {"name": name(folders), "episodeName": EPISODE, "bssVideoId": bss_id}
        return api.register(idempotency_key=key, **fields)

    roundtrips, statements = cost(proxy, lambda: register("first"), 201)
    assert roundtrips == 2
    assert statements <= 4 + folders
    # An existing path, a repeated request, and the same key with another request.
    assert cost(proxy, lambda: register("second"), 201) == (1, 1)
    assert cost(proxy, lambda: register("first"), 201) == (1, 1)
    assert cost(proxy, lambda: register("first", "other"), 422) == (1, 1)


def test_the_size_of_a_batch_makes_no_difference(
    api: Api, proxy: WireProxy, pgbouncer: PgBouncer | None
) -> None:
    """One roundtrip, or two on new paths: each table is one statement, a depth of folders one."""
    sizes = (1, 10, 100, 1000) if pgbouncer is None else (10,)
    for size, folders, episodes in product(sizes, (0, 1, 3, 10), (1, 100)):
        items = [
            {"kind": "video", "name": f"/{number % 7}{name(folders)}" if folders else None}
            | {"episodeName": f"run-{number % episodes}"}
            for number in range(size)
        ]

        project = f"{size}-{folders}-{episodes}"
        register = partial(api.register_batch, items, project=project)
        depth = folders + 1 if folders else 0
        # The first attempt; then the project, the episodes, the folders and the assets.
        assert cost(proxy, register, 201) == (2, 1 + 1 + 1 + depth + 1), (size, folders, episodes)
        assert cost(proxy, register, 201) == (1, 1)


def test_the_key_of_a_batch_costs_no_roundtrip(api: Api, proxy: WireProxy) -> None:
    def register(key: str, **fields: Any) -> TestResponse:
        item = {"kind": "video", "name": name(3), **fields}
        return api.register_batch([item] * 100, episodeName=EPISODE, idempotency_key=key)

    assert cost(proxy, lambda: register("first"), 201) == (2, 2 + 1 + 1 + 3 + 2)
    # An existing path, a repeated batch.
    assert cost(proxy, lambda: register("second"), 201) == (1, 2)
    assert cost(proxy, lambda: register("first"), 201) == (1, 2)
    # The same key with another batch: the database refuses it, and is asked whose the key is.
    assert cost(proxy, lambda: register("first", fps=25), 422) == (2, 4)
    assert cost(proxy, lambda: register("first", name="/new"), 422) == (2, 4)
    assert cost(proxy, lambda: register("first", name="/new/path"), 422) == (1, 2)


@pytest.mark.parametrize("kind", BODIES)
def test_what_the_fields_are_makes_no_difference(api: Api, proxy: WireProxy, kind: str) -> None:
    api.register(kind, name="/a/b", episodeName=EPISODE)
    for fields in ({}, BODIES[kind], dict.fromkeys(BODIES[kind]), {"tags": ["x"], "metadata": {}}):

        def register(fields: dict[str, Any] = fields) -> TestResponse:
            return api.register(kind, name="/a/b", episodeName=EPISODE, **fields)

        assert cost(proxy, register, 201) == (1, 1)


@pytest.mark.parametrize("limit", [{"limit": "1"}, {"limit": "1000"}, {}], ids=str)
def test_listing_takes_one_roundtrip(api: Api, proxy: WireProxy, limit: dict[str, str]) -> None:
    for _ in range(3):
        api.register(name="/camera/front/run01.mp4", episodeName=EPISODE)
    if not limit:
        # Streams have their own connection, opened when first needed.
        api.listing().get_data()
    for query in QUERIES:

        def listing(query: dict[str, Any] = query) -> TestResponse:
            return api.listing(**query, **limit)

        assert cost(proxy, listing, 200) == (1, 1), query


def test_the_first_unlimited_list_makes_a_connection_and_takes_one_roundtrip(
    api: Api, proxy: WireProxy
) -> None:
    api.register(name="/camera/front/run01.mp4")
    with proxy.count() as counted:
        assert len(api.names()) == 1
    assert (counted.connections, counted.roundtrips) == (1, 1)


@pytest.mark.parametrize("limit", ["2", LEFT_OUT], ids=["page", "stream"])
def test_looking_around_takes_one_roundtrip(api: Api, proxy: WireProxy, limit: object) -> None:
    for number in range(3):
        api.register(name=f"/{number}/a", episodeName=EPISODE)
    for place, query in (
        ("projects", {"project": LEFT_OUT}),
        ("episodes", {"glob": "*/*/run-*"}),
        ("folders", {}),
        ("folders", {"episode": EPISODE}),
        *(("", query) for query in QUERIES),
        ("", {"sha256": "0" * 64}),
        ("", {"view": "full"}),
        ("", {"view": "full", "limit": "1000"}),
        ("video", {"view": "full", "episode": EPISODE}),
        ("video", {"name": "/0/a"}),
        ("", {"episode": [EPISODE], "deleted": "only", "limit": "2"}),
    ):

        def listing(place: str = place, query: dict[str, Any] = query) -> TestResponse:
            return api.listing(place, **{"limit": limit, **query})

        # The first stream makes a connection; the first use of a statement on each prepares it.
        for _ in range(CONNECTIONS):
            listing().get_data()
        assert cost(proxy, listing, 200) == (1, 1), query


@pytest.mark.parametrize("episode", [EPISODE, LEFT_OUT], ids=["episode", "no episode"])
def test_downloading_takes_one_roundtrip(api: Api, proxy: WireProxy, episode: object) -> None:
    api.register(name="/camera/front/run01.mp4", episodeName=EPISODE, bssVideoId="v")

    def download() -> TestResponse:
        return api.download(path="/camera/front/run01.mp4", episode=episode)

    # 502: there is no BSS here, and the service calls it after the database responds.
    assert cost(proxy, download, 502) == (1, 1)


@pytest.mark.parametrize("count", [1, 10, 200])
def test_downloading_many_takes_one_roundtrip(api: Api, proxy: WireProxy, count: int) -> None:
    found = api.register(name="/camera/front/run01.mp4", episodeName=EPISODE).json["id"]
    for item in ({"id": found}, {"path": "/camera/front/run01.mp4"}, {"path": "/nothing"}):
        items = [item] * count
        assert cost(proxy, lambda items=items: api.download_many(items=items), 200) == (1, 1)


def test_downloading_a_selection_takes_one_roundtrip(api: Api, proxy: WireProxy) -> None:
    api.register(name="/camera/front/run01.mp4", episodeName=EPISODE)
    for selection in ({"kind": "video"}, {}):
        for query in ({"prefix": "/camera"}, {"glob": "/camera/*/run*", "episode": EPISODE}):
            fields = {**query, **selection}

            def select(fields: dict[str, str] = fields) -> TestResponse:
                return api.download_many(**fields)

            assert cost(proxy, select, 200) == (1, 1)


@pytest.mark.parametrize("episode", [EPISODE, LEFT_OUT], ids=["episode", "no episode"])
def test_looking_up_takes_one_roundtrip(api: Api, proxy: WireProxy, episode: object) -> None:
    api.register(name="/camera/front/run01.mp4", episodeName=EPISODE)

    def look_up() -> TestResponse:
        return api.listing("lookup", path="/camera/front/run01.mp4", episode=episode)

    assert cost(proxy, look_up, 200) == (1, 1)


@pytest.mark.parametrize("status", [200, 304, 404])
def test_getting_one_takes_one_roundtrip(api: Api, proxy: WireProxy, status: int) -> None:
    location = api.register(name="/camera/front/run01.mp4", episodeName=EPISODE).location
    if status == 304:
        headers = {"If-None-Match": "*"}
    else:
        headers = {}
        location = location if status == 200 else f"/assets/video/{uuid7()}"

    with proxy.count() as counted:
        assert api.get(location, headers=headers).status_code == status
    assert (counted.roundtrips, len(counted.statements)) == (1, 1)


def test_changing_many_by_ids_takes_one_roundtrip(api: Api, proxy: WireProxy) -> None:
    ids = [api.register(kind, name="/camera/a").json["id"] for kind in BODIES]
    for verb, members in (("delete", {"dryRun": True}), ("delete", {}), ("restore", {})):

        def change(verb: str = verb, members: dict[str, Any] = members) -> TestResponse:
            return api.change_many(verb, ids=ids, **members)

        assert cost(proxy, change, 200) == (1, 1)
        ids.append(str(uuid7()))
        assert cost(proxy, change, 404) == (1, 1)
        ids.pop()


def test_changing_takes_one_roundtrip_and_two_for_a_new_path_or_merged_metadata(
    api: Api, proxy: WireProxy
) -> None:
    location = api.register(name="/a/b.mp4", episodeName=EPISODE, tags=["night"]).location

    def patched(body: dict[str, Any], status: int = 200, **headers: str) -> tuple[int, int]:
        return cost(
            proxy, lambda: api.get(location, method="PATCH", json=body, headers=headers), status
        )

    for body in ({}, {"fps": 60}, {"addTags": ["rain"]}, {"name": "/a/c.mp4"}, {"metadata": None}):
        assert patched(body) == (1, 1), body
    roundtrips, statements = patched({"name": "/d/e/f.mp4", "episodeName": "new"})
    assert (roundtrips, statements <= 4 + 2) == (2, True)
    assert patched({"metadata": {"a": 1}}) == (2, 2)
    roundtrips, statements = patched({"metadata": {"b": 1}, "name": "/g/h.mp4"})
    assert (roundtrips, statements <= 4 + 1) == (2, True)
    assert patched({"fps": 30}, 412, **{"If-Match": '"1.1"'}) == (1, 1)
    for method, url, status in (
        ("DELETE", location, 204),
        ("DELETE", location, 204),
        ("PATCH", location, 409),
        ("POST", f"{location}/restore", 200),
        ("POST", f"{location}/restore", 200),
        ("DELETE", f"/assets/video/{uuid7()}", 404),
    ):
        with proxy.count() as counted:
            body = {"fps": 60} if method == "PATCH" else None
            assert api.get(url, method=method, json=body).status_code == status
        assert (counted.roundtrips, len(counted.statements)) == (1, 1)


def test_deleting_a_selection_takes_two_roundtrips(api: Api, proxy: WireProxy) -> None:
    for dry_run, roundtrips in ((True, 1), (False, 2)):
        api.register(name="/camera/a")

        def delete(dry_run: bool = dry_run) -> TestResponse:
            return api.change_many("delete", prefix="/camera", dryRun=dry_run)

        # The first use of a list on a connection prepares it.
        for _ in range(20):
            delete()
        api.register(name="/camera/b")
        assert cost(proxy, delete, 200) == (roundtrips, roundtrips)


def test_asking_who_one_is_takes_one_roundtrip(api: Api, proxy: WireProxy) -> None:
    assert cost(proxy, lambda: api.get("/auth/me"), 200) == (1, 1)


def test_being_refused_takes_no_more(api: Api, proxy: WireProxy) -> None:
    for subject, status in (("test-002", 403), ("test-003", 404)):

        def register(subject: str = subject) -> TestResponse:
            return api.register(name=name(3), episodeName=EPISODE, subject=subject)

        roundtrips, statements = cost(proxy, register, status)
        assert roundtrips == 2
        assert statements <= 4 + 3
