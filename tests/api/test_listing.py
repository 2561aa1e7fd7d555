"""GET /assets/<kind>: the items of a list, their order, and pagination."""

import re
import threading
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest

from dreamlake_assets import deadlines, store
from dreamlake_assets.database.pool import Database
from dreamlake_assets.model.kinds import KINDS
from tests.conftest import NAMESPACE, READER, WRITER
from tests.support.api import PROJECT, Answer, Api, problem

KIND_NAMES = list(KINDS)

#: Names in order of registration. Several assets share a name, several have none.
NAMES = [
    "/camera/front/run02.mp4",
    None,
    "/camera/front/run01.mp4",
    "/camera/back/run01.mp4",
    "/camera/front/run01.mp4",
    None,
    "/camera/front/run01.mp4",
    "/audio.wav",
    "/camera-2/front/run01.mp4",
    None,
    "/camera/front/run01.mp4",
    "/Camera/run.mp4",
]

FILTERS: list[dict[str, str]] = [
    {},
    {"prefix": "/camera"},
    {"prefix": "/camera/front/run01"},
    {"glob": "/camera*/*/run01.mp4"},
    {"glob": "**/run0?.mp4"},
    {"glob": "/camera/front/*"},
    {"episode": "run-042"},
    {"episode": "run-042", "prefix": "/camera"},
    {"episode": "run-042", "glob": "/camera*/front/run0?.mp4"},
    {"episode": "run-042", "glob": "**"},
]


def register_all(api: Api, kind: str = "video") -> None:
    """Register each name twice: first outside any episode, then in one."""
    for name in NAMES:
        api.register(kind, name=name)
        api.register(kind, name=name, episodeName="run-042")


@pytest.mark.every_way
@pytest.mark.parametrize("kind", KIND_NAMES)
def test_items_have_the_fields_of_their_kind(api: Api, kind: str) -> None:
    own = {
        "video": {"fps": 29.97, "lens": "fisheye"},
        "audio": {"sampleRate": 44100, "channels": 2},
        "label-track": {},
        "text-track": {"format": "vtt", "language": "pt-BR"},
        "image": {"width": 1920, "height": 1080},
        "file": {"size": 2**53 - 1, "sha256": "ab" * 32, "contentType": "application/x-mcap"},
    }[kind]
    bss_field = KINDS[kind].bss_field
    named = api.register(kind, name="/a/b", **{bss_field: "x"}, **own).json
    unnamed = api.register(kind).json

    response = api.listing(kind)

    assert response.status_code == 200
    assert response.content_type == "application/json"
    first, second = response.json
    assert first == {
        "id": named["id"],
        "name": "/a/b",
        bss_field: "x",
        **own,
        "createdAt": first["createdAt"],
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["createdAt"])
    defaults = {"fps": 30, "lens": "pinhole"} if kind == "video" else dict.fromkeys(own)
    assert second == {
        "id": unnamed["id"],
        "name": None,
        bss_field: None,
        **defaults,
        "createdAt": second["createdAt"],
    }


def test_created_at_is_utc(api: Api, connection: psycopg.Connection) -> None:
    api.register(name="/a")
    connection.execute("UPDATE asset SET created_at = '2026-04-14T11:30:00.1239+02:00'")

    assert api.listing().json[0]["createdAt"] == "2026-04-14T09:30:00.123Z"


@pytest.mark.every_way
def test_the_kinds_do_not_mix(api: Api) -> None:
    for kind in KIND_NAMES:
        api.register(kind, name=f"/x/{kind}", episodeName="run-042")

    for kind in KIND_NAMES:
        for query in ({}, {"prefix": "/x"}, {"glob": "**"}, {"glob": "/x/*"}, {"glob": "/?/*"}):
            assert api.names(kind, **query) == [f"/x/{kind}"]
            assert api.names(kind, episode="run-042", **query) == [f"/x/{kind}"]


@pytest.mark.every_way
def test_names_are_ordered_byte_by_byte_and_the_unnamed_come_last(api: Api) -> None:
    names = ["/Z", "/a", "/a b", "/a-b", "/a/b", "/a0", "/aa", "/e\u0301", "/z"]
    # UTF-8 bytes sort like code points; UTF-16 code units do not.
    names += ["/é", "/中", "/\ue000", "/\uffee", "/\U0001f3ac"]
    assert names == sorted(names, key=str.encode)
    for name in [None, *reversed(names), None]:
        api.register(name=name)

    assert api.names() == api.names(limit=1000) == [*names, None, None]


def test_assets_of_one_name_are_ordered_by_id(api: Api) -> None:
    ids = [api.register(name="/a").json["id"] for _ in range(20)]
    unnamed = [api.register().json["id"] for _ in range(20)]

    assert [item["id"] for item in api.listing().json] == ids + unnamed


def test_an_empty_project_has_an_empty_list(api: Api) -> None:
    api.register("audio", name="/a", episodeName="run-042")

    for query in FILTERS:
        assert api.names(**query) == []
        assert api.names(limit=1, **query) == []


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_project_must_exist(api: Api, kind: str) -> None:
    for query in [*FILTERS, {"episodeId": str(uuid4())}]:
        for limit in (None, 10):
            response = api.listing(kind, limit=limit, **query)

            assert response.status_code == 404
            assert problem(response) == {"error": "Project not found.", "code": "project_not_found"}


def test_a_reader_may_list(api: Api) -> None:
    api.register(name="/a")

    assert [item["name"] for item in api.listing(subject=READER).json] == ["/a"]


def test_space_is_another_name_for_project(api: Api) -> None:
    api.register(name="/a")

    assert api.names(project="", space=PROJECT) == ["/a"]
    assert api.names(space=PROJECT) == ["/a"]


@pytest.mark.parametrize(
    ("prefix", "names"),
    [
        ("", ["/a/b", "/a/bc", "/b", None]),
        ("/", ["/a/b", "/a/bc", "/b"]),
        ("/a", ["/a/b", "/a/bc"]),
        ("a/b", ["/a/b", "/a/bc"]),
        ("//a//b", ["/a/b", "/a/bc"]),
        ("/a/bc", ["/a/bc"]),
        ("/A", []),
        ("/a/b/", []),
    ],
)
def test_a_prefix_is_the_literal_beginning(api: Api, prefix: str, names: list[str | None]) -> None:
    for name in ["/a/b", "/a/bc", "/b", None]:
        api.register(name=name, episodeName="run-042")

    assert api.names(prefix=prefix) == names
    assert api.names(prefix=prefix, episode="run-042") == names


@pytest.mark.parametrize("last", ["~", "\ud7ff", "\U0010ffff", "a\U0010ffff"])
def test_a_prefix_may_end_with_any_character(api: Api, last: str) -> None:
    names = [f"/{last}", f"/{last}\U0010ffff", f"/{last}x"]
    for name in [*names, "/0", "/\xa0", "/\ue000", "/\U0010fffe"]:
        api.register(name=name)

    assert set(api.names(prefix=f"/{last}")) == set(names)


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("/camera/front/person*", ["/camera/front/person1.mp4", "/camera/front/person2.mp4"]),
        ("camera/front/person?.mp4", ["/camera/front/person1.mp4", "/camera/front/person2.mp4"]),
        ("/camera/*", []),
        (
            "/camera/**",
            ["/camera/back/x", "/camera/front/person1.mp4", "/camera/front/person2.mp4"],
        ),
        ("**/person[!1].mp4", ["/camera/front/person2.mp4"]),
        ("/{audio,camera/{back,side}}/x", ["/audio/x", "/camera/back/x"]),
        ("/**/x", ["/audio/x", "/camera/back/x", "/x"]),
        ("*", ["/x"]),
        ("/X", []),
    ],
)
def test_a_glob_matches_the_whole_name(api: Api, pattern: str, names: list[str]) -> None:
    for name in ("/camera/front/person1.mp4", "/camera/front/person2.mp4", "/camera/back/x"):
        api.register(name=name, episodeName="run-042")
    for name in ("/audio/x", "/x", None):
        api.register(name=name, episodeName="run-042")

    assert api.names(glob=pattern) == names
    assert api.names(glob=pattern, episode="run-042") == names
    # A glob takes precedence over a prefix.
    assert api.names(glob=pattern, prefix="/nowhere") == names


@pytest.mark.every_way
def test_an_episode_is_a_filter(api: Api) -> None:
    api.register(name="/beside")
    inside = api.register(name="/inside", episodeName="2026/q1/run-042").json
    api.register(name="/other", episodeName="2026/q1")

    assert api.names(episode="2026/q1/run-042") == ["/inside"]
    assert api.names(episodeId=inside["episodeId"]) == ["/inside"]
    assert api.names(episodeId=inside["episodeId"].upper()) == ["/inside"]
    assert api.names(episode="") == api.names(episodeId="") == ["/beside", "/inside", "/other"]


def test_an_episode_must_exist_in_this_project(api: Api, connection: psycopg.Connection) -> None:
    api.register(name="/a")
    elsewhere = api.register(project="other", episodeName="run-042").json["episodeId"]
    store.namespace.create(connection, namespace="other")
    store.namespace.add_member(connection, namespace="other", subject=WRITER, role="writer")
    abroad = api.register(namespace="other", episodeName="run-042").json["episodeId"]

    for query in (
        {"episode": "run-042"},
        {"episodeId": elsewhere},
        {"episodeId": abroad},
        {"episodeId": str(uuid4())},
    ):
        for more in ({}, {"limit": "10"}, {"prefix": "/a"}, {"glob": "/a"}, {"glob": "/*/a"}):
            response = api.listing(**query, **more)

            assert response.status_code == 404
            assert problem(response) == {"error": "Episode not found.", "code": "episode_not_found"}


@pytest.mark.parametrize("query", FILTERS, ids=str)
def test_all_pages_together_are_the_whole_list(api: Api, query: dict[str, str]) -> None:
    register_all(api)
    whole = api.listing(**query).json
    assert len(whole) > 2

    for limit in (1, 2, 5, len(whole) - 1, len(whole), len(whole) + 1):
        pages = list(api.pages(limit=limit, **query))
        assert [item for page in pages for item in page] == whole
        assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        assert 1 <= len(pages[-1]) <= limit


@pytest.mark.every_way
def test_the_cursor_is_in_the_link_and_in_a_header(api: Api) -> None:
    register_all(api)

    response = api.listing(limit=3, prefix="/camera")

    cursor = response.headers["X-Next-Cursor"]
    link = response.headers["Link"]
    target = urlsplit(link[1 : link.index(">")])
    assert target.path == "/assets/video"
    assert parse_qs(target.query) == {
        "namespace": [NAMESPACE],
        "project": [PROJECT],
        "prefix": ["/camera"],
        "limit": ["3"],
        "cursor": [cursor],
    }
    by_header = api.listing(limit=3, prefix="/camera", cursor=cursor)
    assert by_header.json == api.get(link[1 : link.index(">")]).json
    # A cursor works with another limit, and without one.
    assert by_header.json == api.listing(limit=1000, prefix="/camera", cursor=cursor).json[:3]
    assert by_header.json == api.listing(prefix="/camera", cursor=cursor).json[:3]


@pytest.fixture
def longest_tags() -> list[str]:
    """Tags that give a list with a limit the longest URL accepted."""
    query = urlencode({"namespace": NAMESPACE, "project": PROJECT, "limit": 1})
    room = 6681 - len(f"/assets/video?{query}")
    tags = []
    while room > 0:
        escaped = min(room - len("&tag="), 6 * 200)
        tags.append("é" * (escaped // 6) + "a" * (escaped % 6))
        room -= len("&tag=") + escaped
    return tags


def test_the_longest_link_can_be_followed(api: Api, longest_tags: list[str]) -> None:
    random = Random(1)
    for _ in range(2):
        segments = ["".join(random.choices('abcdefgh!~"{}', k=255)) for _ in range(4)]
        assert api.register(name="/".join(segments), tags=longest_tags).status_code == 201

    pages = list(api.pages(tag=longest_tags, limit=1))

    assert [len(page) for page in pages] == [1, 1]


def test_a_url_whose_link_would_be_too_long_is_refused(api: Api, longest_tags: list[str]) -> None:
    api.register()
    longer = [*longest_tags[:-1], f"{longest_tags[-1]}a"]

    assert api.listing(tag=longest_tags, limit=1).status_code == 200
    assert api.listing(tag=longer).status_code == 200
    response = api.listing(tag=longer, limit=1)

    assert response.status_code == 414
    assert problem(response) == {
        "error": "With limit, the path and the query must have at most 6,681 bytes when escaped,"
        " because the URL of the next page also has a cursor.",
        "code": "url_too_long",
    }


@pytest.mark.every_way
@pytest.mark.parametrize(
    ("host", "linked"),
    [
        *((host, host) for host in ("api.example:8000", "a" * 64, "as_in_compose", "[::1]:8080")),
        # Internationalised hosts in the form that browsers send.
        *((host, host) for host in ("xn--wgv71a119e.jp", "xn--bcher-kva.example")),
        ("b\xfccher.example", ""),
    ],
)
def test_the_link_is_ascii_and_leads_to_the_host_of_the_request(
    api: Api, host: str, linked: str
) -> None:
    register_all(api)

    response = api.get(
        f"/assets/video?namespace={NAMESPACE}&project={PROJECT}&limit=3", headers={"Host": host}
    )

    assert response.status_code == 200
    assert response.headers["Link"].isascii()
    link = urlsplit(response.headers["Link"][1:])
    assert (link.scheme != "", link.netloc, link.path) == (linked != "", linked, "/assets/video")


@pytest.mark.every_way
def test_the_last_page_has_no_link(api: Api) -> None:
    register_all(api)

    for response in (api.listing(), api.listing(limit=len(NAMES) * 2)):
        assert len(response.json) == len(NAMES) * 2
        assert "Link" not in response.headers
        assert "X-Next-Cursor" not in response.headers


@pytest.mark.parametrize("query", [{}, {"glob": "**"}, {"prefix": "/"}], ids=str)
def test_no_asset_is_skipped_or_repeated_while_others_are_registered(
    api: Api, query: dict[str, str]
) -> None:
    register_all(api)
    before = [item["id"] for item in api.listing(**query).json]

    seen: list[str] = []
    for page in api.pages(limit=3, **query):
        seen += [item["id"] for item in page]
        # One before the page, one at its end. Fewer than a page, so that the loop ends.
        api.register(name="/0")
        api.register(name=page[-1]["name"])

    assert [each for each in seen if each in before] == before
    assert len(seen) == len(set(seen))


class TestCursor:
    """A cursor that was altered or belongs to another list."""

    @pytest.fixture
    def cursor(self, api: Api) -> str:
        register_all(api)
        return api.listing(limit=2, prefix="/camera").headers["X-Next-Cursor"]

    def test_altered(self, api: Api, cursor: str) -> None:
        payload, signature = cursor.rsplit(".", 1)
        other = api.listing(limit=3, prefix="/camera").headers["X-Next-Cursor"]
        for altered in (
            "x" + cursor,
            cursor[:-1],
            payload,
            f"{payload}.",
            f".{signature}",
            f"{other.rsplit('.', 1)[0]}.{signature}",
        ):
            refused(api.listing(limit=2, prefix="/camera", cursor=altered))

    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"prefix": "/came"},
            {"prefix": "/camera", "glob": "**"},
            {"prefix": "/camera", "episode": "run-042"},
            {"prefix": "/camera", "project": "other"},
        ],
        ids=str,
    )
    def test_other_filters(self, api: Api, cursor: str, query: dict[str, str]) -> None:
        api.register(project="other")

        refused(api.listing(limit=2, cursor=cursor, **query))

    def test_other_kind(self, api: Api, cursor: str) -> None:
        refused(api.listing("audio", limit=2, prefix="/camera", cursor=cursor))


def refused(response: Answer) -> None:
    assert response.status_code == 400
    assert problem(response) == {
        "error": "cursor: Was altered, or was issued for other filters; begin again without it.",
        "code": "invalid_request",
        "fields": {
            "cursor": ["Was altered, or was issued for other filters; begin again without it."]
        },
    }


class TestManyAssets:
    """Lists longer than one chunk of a stream."""

    COUNT = 2500
    URL = f"/assets/video?namespace={NAMESPACE}&project={PROJECT}"

    @pytest.fixture
    def many(self, api: Api, connection: psycopg.Connection) -> Api:
        api.register("audio", name="/many/a")
        connection.execute(
            "INSERT INTO asset (namespace_id, space_id, node_id, asset_id, kind, name, fps, lens)"
            " SELECT namespace_id, space_id, node_id, gen_random_uuid(), 'video',"
            "   '/many/' || lpad((number / 3)::text, 6, '0'), 30, 'pinhole'"
            " FROM node, generate_series(1, %s) AS number",
            [self.COUNT],
        )
        return api

    @pytest.mark.every_way
    def test_are_streamed_in_order(self, many: Api) -> None:
        response = many.listing()

        assert "Content-Length" not in response.headers
        items = response.json
        assert len(items) == self.COUNT
        keys = [(item["name"], UUID(item["id"])) for item in items]
        assert keys == sorted(keys)

    @pytest.mark.every_way
    def test_are_paged_with_the_largest_limit(self, many: Api) -> None:
        pages = list(many.pages(limit=1000, glob="/many/*"))

        assert [len(page) for page in pages] == [1000, 1000, 500]
        assert [item for page in pages for item in page] == many.listing().json

    @pytest.mark.every_way
    def test_closing_a_stream_frees_its_connection(self, many: Api) -> None:
        # With two threads, one connection is reserved for streams.
        for _ in range(3):
            response = many.get(self.URL)
            assert next(response.iter_encoded()).startswith(b"[{")
            response.close()

        assert len(many.listing().json) == self.COUNT

    def test_an_unread_stream_frees_its_connection_although_its_rows_are_referred_to(
        self, many: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The garbage collector would close rows that nothing refers to."""
        kept: list[object] = []
        original = Database.stream

        def stream(*args: Any, **kwargs: Any) -> Any:
            rows = original(*args, **kwargs)
            kept.append(rows)
            return rows

        monkeypatch.setattr(Database, "stream", stream)
        for _ in range(3):
            many.get(self.URL).close()

        assert len(many.listing().json) == self.COUNT
        assert len(kept) == 4

    @pytest.mark.every_way
    def test_a_stream_under_way_keeps_no_other_request_waiting(self, many: Api) -> None:
        stream = many.get(self.URL)
        next(stream.iter_encoded())

        assert many.register(name="/a").status_code == 201
        assert len(many.listing(limit=10).json) == 10
        stream.close()

    # Not through nginx: it buffers the whole list, so the service ends the stream at once.
    def test_too_many_streams_at_once_are_refused(
        self, many: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(deadlines, "DATABASE", 0.5)
        stream = many.get(self.URL)
        next(stream.iter_encoded())

        response = many.listing()

        assert response.status_code == 503
        assert response.headers["Retry-After"].isdecimal()
        stream.close()

    @pytest.mark.every_way
    def test_a_head_request_frees_its_connection(self, many: Api) -> None:
        for _ in range(3):
            with many.get(self.URL, method="HEAD") as response:
                assert (response.status_code, response.data) == (200, b"")


def test_lists_at_the_same_time_do_not_disturb_each_other(api: Api) -> None:
    register_all(api)
    whole = api.listing(limit=1000).json
    answers: list[object] = []

    def list_pages() -> None:
        mine = api.with_client_of_its_own()
        answers.append([item for page in mine.pages(limit=3) for item in page])

    threads = [threading.Thread(target=list_pages) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [whole, whole]
