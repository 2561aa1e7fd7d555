"""POST /assets/download, with a BSS that fails for some files, or for all."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from itertools import chain
from typing import Any

import psycopg
import pytest

from dreamlake_assets.config import Settings
from dreamlake_assets.limits import URLS
from dreamlake_assets.model.kinds import KINDS
from tests.conftest import READER
from tests.support.api import Api, problem
from tests.support.http import HttpServer, answer

EXPIRES = "2026-04-14T09:45:00.000Z"
TIMEOUT_SECONDS = 0.5
UNKNOWN = "01970000-0000-7000-8000-000000000000"
#: Half of eight places for each of the two threads.
AT_ONCE = 8


def location(bss_id: str) -> str:
    return f"https://s3.example/{bss_id}?X-Amz-Date=20260414T093000Z&X-Amz-Expires=900"


def redirect(handler: BaseHTTPRequestHandler) -> None:
    """Redirect to the URL of a file; fail if its id says so."""
    bss_id = handler.path.split("/")[-2]
    if bss_id.startswith("bad"):
        answer(404)(handler)
    else:
        answer(302, {"Location": location(bss_id)})(handler)


@pytest.fixture
def bss() -> Iterator[HttpServer]:
    with HttpServer(redirect) as server:
        yield server


@pytest.fixture
def settings(settings: Settings, bss: HttpServer) -> Settings:
    return replace(settings, bss_url=bss.url, bss_timeout=TIMEOUT_SECONDS)


Register = Callable[..., dict[str, Any]]


@pytest.fixture
def register(api: Api) -> Register:
    """Register an asset; return its download."""

    def register(
        name: str | None, bss_id: str, kind: str = "video", **fields: Any
    ) -> dict[str, Any]:
        response = api.register(kind, name=name, **{KINDS[kind].bss_field: bss_id}, **fields)
        asset_id = response.json["id"]
        return {
            "id": asset_id,
            "kind": kind,
            "name": name,
            "url": location(bss_id),
            "filename": name.rpartition("/")[2] if name else asset_id,
            "expiresAt": EXPIRES,
        }

    return register


def failure(code: str, error: str, **asked: str) -> dict[str, str]:
    return {**asked, "error": error, "code": code}


NOT_FOUND = ("asset_not_found", "Asset not found.")


@pytest.mark.every_way
def test_each_item_has_a_url_or_an_error_in_the_order_of_the_request(
    api: Api, bss: HttpServer, connection: psycopg.Connection, register: Register
) -> None:
    register("/a/1.bin", "v0")
    video = register("/a/1.bin", "v1", episodeName="run-042")
    audio = register("/a/1.bin", "a1", "audio")
    file = register("/a/2.bin", "v1", "file")
    unnamed = register(None, "v2")
    deleted = register("/a/3.bin", "v3")
    without = api.register(name="/a/4.bin").json["id"]
    connection.execute(
        "UPDATE asset SET deleted_at = now(), revision = 2 WHERE asset_id = %s", [deleted["id"]]
    )
    elsewhere = api.register(name="/a", project="other", bssVideoId="v4").json["id"]

    response = api.download_many(
        subject=READER,
        items=[
            {"path": "a//1.bin", "kind": "video"},
            {"id": unnamed["id"]},
            {"path": "/a/1.bin"},
            {"id": video["id"].upper()},
            {"id": deleted["id"]},
            {"path": "/a/3.bin"},
            {"path": "/a/2.bin", "kind": "video"},
            {"path": "/a/2.bin", "id": None},
            {"id": UNKNOWN},
            {"id": elsewhere},
            {"id": without},
            {"id": unnamed["id"]},
        ],
    )

    assert response.status_code == 200
    assert response.json == {
        "assets": [
            video,
            unnamed,
            audio,
            video,
            failure("asset_deleted", "The asset is deleted; restore it first.", id=deleted["id"]),
            failure(*NOT_FOUND, path="/a/3.bin"),
            failure(*NOT_FOUND, path="/a/2.bin"),
            file,
            failure(*NOT_FOUND, id=UNKNOWN),
            failure(*NOT_FOUND, id=elsewhere),
            failure("bss_record_missing", "Asset has no BSS record.", id=without),
            unnamed,
        ],
        "failed": 6,
    }
    # The same id of another kind is another file.
    asked = ["/audio/a1/raw", "/files/v1/raw", "/videos/v1/raw", "/videos/v2/raw"]
    assert sorted(request.path for request in bss.received) == asked
    ids = {request.headers["X-Request-Id"] for request in bss.received}
    assert ids == {response.headers["X-Request-Id"]}


def test_an_episode_narrows_paths_but_not_ids(api: Api, register: Register) -> None:
    older = register("/a", "v1", episodeName="run-042")
    newer = register("/a", "v2")
    episode_id = (
        api.listing(episode="run-042").json
        and api.get(f"/assets/video/{older['id']}").json["episodeId"]
    )
    items = [{"path": "/a"}, {"path": "/a", "kind": "video"}, {"id": newer["id"]}]

    for episode in ({"episode": "run-042"}, {"episodeId": episode_id}):
        body = api.download_many(items=items, **episode).json
        assert body == {"assets": [older, older, newer], "failed": 0}


def test_nothing_found_asks_nobody(api: Api, bss: HttpServer, register: Register) -> None:
    register("/b", "v1")
    bss.answer = answer(500)

    body = api.download_many(items=[{"path": "/a"}]).json
    assert body == {"assets": [failure(*NOT_FOUND, path="/a")], "failed": 1}
    assert api.download_many(prefix="/a").json == {"assets": [], "failed": 0}
    assert not bss.received


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ({"namespace": "nobody"}, "namespace_not_found"),
        ({"project": "nothing"}, "project_not_found"),
        ({"episode": "nothing"}, "episode_not_found"),
        ({"episodeId": UNKNOWN}, "episode_not_found"),
    ],
)
@pytest.mark.parametrize("asked", [{"items": [{"path": "/a"}]}, {"prefix": "/a"}], ids=str)
def test_an_unknown_place_is_404(
    api: Api, register: Register, place: dict[str, str], asked: dict[str, Any], code: str
) -> None:
    register("/a", "v1")

    response = api.download_many(**place, **asked)

    assert (response.status_code, response.json["code"]) == (404, code)


@pytest.mark.every_way
def test_a_selection_is_the_pages_of_the_lists_of_all_kinds(api: Api, register: Register) -> None:
    names = ["/a/1", "/a/1", "/a/2", "/a-b", "/a/é", "/a/😀", "/b/1"]
    kinds = ["video", "audio", "video", "file", "image", "video", "audio"]
    assets = [register(*each) for each in zip(names, map(str, range(7)), kinds, strict=True)]
    inside = [assets[number] for number in (0, 1, 2, 4, 5)]

    def pages(**selection: Any) -> list[list[dict[str, Any]]]:
        found, cursor = [], {}
        while True:
            body = api.download_many(**selection, **cursor).json
            assert body["failed"] == 0
            found.append(body["assets"])
            if "nextCursor" not in body:
                return found
            cursor = {"cursor": body["nextCursor"]}

    def ordered(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(found, key=lambda each: (each["name"].encode(), each["id"]))

    assert pages(prefix="/a/") == [ordered(inside)]
    in_twos = pages(prefix="/a/", limit=2)
    assert [len(page) for page in in_twos] == [2, 2, 1]
    assert [*chain(*in_twos)] == ordered(inside)
    assert pages(glob="/?/1", prefix="/nothing") == [ordered([assets[0], assets[1], assets[6]])]
    assert pages(glob="**", kind="audio", limit=1) == [[assets[1]], [assets[6]]]


def test_a_selection_of_an_episode_includes_assets_without_a_name(
    api: Api, register: Register
) -> None:
    unnamed = register(None, "v1", episodeName="run-042")
    named = register("/z", "v2", "audio", episodeName="run-042")
    register("/a", "v3")

    first = api.download_many(episode="run-042", limit=1).json
    assert first["assets"] == [named]
    second = api.download_many(episode="run-042", limit=1, cursor=first["nextCursor"]).json
    assert second == {"assets": [unnamed], "failed": 0}
    altered = api.download_many(episode="run-042", kind="audio", cursor=first["nextCursor"])
    assert altered.json["fields"] == {
        "cursor": ["Was altered, or was issued for other filters; begin again without it."]
    }


ITEM = {"path": "/a"}
CHOICES = ", ".join(KINDS)
ITEMS = f"Must be an array of 1 to {URLS} assets."


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"items": ["Is required, or a selection by prefix, glob or episode."]}),
        ({"kind": "video"}, {"items": ["Is required, or a selection by prefix, glob or episode."]}),
        ({"items": []}, {"items": [ITEMS]}),
        ({"items": [ITEM] * (URLS + 1)}, {"items": [ITEMS]}),
        ({"items": ITEM}, {"items": [ITEMS]}),
        ({"items": [ITEM], "prefix": "/a"}, {"prefix": ["Cannot be combined with items."]}),
        ({"items": [ITEM], "limit": 1}, {"limit": ["Cannot be combined with items."]}),
        ({"items": [ITEM], "episode": "a", "episodeId": UNKNOWN}, {"episodeId": None}),
        ({"prefix": "/a", "limit": 201}, {"limit": ["Must be a whole number from 1 to 200."]}),
        ({"prefix": "/a", "limit": "1"}, {"limit": ["Must be a whole number from 1 to 200."]}),
        ({"prefix": "/a", "kind": "film"}, {"kind": [f"Must be one of: {CHOICES}."]}),
        ({"prefix": "/a", "what": None}, {"what": ["Unknown field."]}),
        ({"prefix": [""], "glob": "*"}, {"prefix": ["Must be a string."]}),
        ({"glob": "/[a"}, {"glob": None}),
        (
            {
                "items": [
                    ITEM,
                    {"path": "/a/"},
                    {"id": "a"},
                    {},
                    7,
                    None,
                    {**ITEM, "id": UNKNOWN},
                ]
            },
            {
                "items.1.path": None,
                "items.2.id": ["Must be a UUID."],
                "items.3": ["Give either id or path."],
                "items.4": ["Must be an object."],
                "items.5": ["Must be an object."],
                "items.6": ["Give either id or path."],
            },
        ),
        (
            {"items": [{**ITEM, "kind": "film"}, {**ITEM, "name": "a"}]},
            {
                "items.0.kind": [f"Must be one of: {CHOICES}."],
                "items.1.name": ["Unknown field; did you mean path?"],
            },
        ),
        (
            {"items": [{"id": UNKNOWN, "kind": "video"}]},
            {"items.0.kind": ["Only a path may have a kind."]},
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_body_is_refused(
    shared_api: Api, body: dict[str, Any], fields: dict[str, list[str] | None]
) -> None:
    response = shared_api.download_many(**body)

    assert response.status_code == 400
    found = response.json["fields"]
    assert list(found) == list(fields)
    assert {name: found[name] for name, texts in fields.items() if texts} == {
        name: texts for name, texts in fields.items() if texts
    }


def test_bss_is_asked_in_parallel_and_some_failures_are_said_on_top(
    api: Api, bss: HttpServer
) -> None:
    """Twenty of 200 fail. The requests wait for each other, so they are in parallel."""
    together = threading.Barrier(AT_ONCE, timeout=5)
    at_once, most, lock = 0, 0, threading.Lock()

    def meet(handler: BaseHTTPRequestHandler) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        together.wait()
        with lock:
            at_once -= 1
        redirect(handler)

    ids = [f"{'bad' if number % 10 == 3 else 'v'}{number}" for number in range(URLS)]
    assets = [
        api.register(name=f"/a/{number:03}", bssVideoId=each).json["id"]
        for number, each in enumerate(ids)
    ]
    # All places are free once BSS has been quick.
    assert api.download_many(items=[{"id": each} for each in assets]).status_code == 200
    bss.received.clear()
    bss.answer = meet

    body = api.download_many(items=[{"id": each} for each in assets]).json

    assert len(bss.received) == URLS
    assert most == AT_ONCE
    assert body["failed"] == 20
    assert [each["id"] for each in body["assets"]] == assets
    assert [each.get("url", each.get("code")) for each in body["assets"]] == [
        "bss_no_redirect" if each.startswith("bad") else location(each) for each in ids
    ]


def test_it_is_502_if_bss_fails_for_each_file(api: Api, bss: HttpServer) -> None:
    for number in range(3):
        api.register(name=f"/a/{number}", bssVideoId=f"bad{number}")
    api.register(name="/a/without")

    response = api.download_many(prefix="/a")

    assert response.status_code == 502
    assert problem(response) == {
        "error": "BSS did not return a presigned URL: it did not answer with a redirect.",
        "code": "bss_no_redirect",
    }
    assert len(bss.received) == 3


def test_a_walk_goes_on_behind_a_page_that_bss_fails_for(api: Api, register: Register) -> None:
    for number in range(2):
        api.register(name=f"/a/{number}", bssVideoId=f"bad{number}")
    last = register("/a/2", "v2")

    first = api.download_many(prefix="/a", limit=2)
    second = api.download_many(prefix="/a", limit=2, cursor=first.json["nextCursor"])

    assert first.status_code == 502
    assert second.json == {"assets": [last], "failed": 0}


def test_a_bss_that_hangs_for_some_files_is_waited_for_until_the_deadline(
    api: Api, bss: HttpServer
) -> None:
    over = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        if "hang" in handler.path:
            over.wait(30)
            handler.close_connection = True
        else:
            redirect(handler)

    bss.answer = hang
    for number in range(60):
        name = "hang" if number % 2 else "v"
        api.register(name=f"/a/{number:02}", bssVideoId=f"{name}{number}")
    begun = time.monotonic()
    response = api.download_many(prefix="/a")
    seconds = time.monotonic() - begun
    over.set()

    assert response.status_code == 200
    failed = {each.get("code") for each in response.json["assets"]} - {None}
    assert failed <= {"bss_timeout", "overloaded"}
    assert response.json["failed"] >= 30
    assert seconds < 2 * TIMEOUT_SECONDS + 2
