"""Lists of folders, episodes and assets of all kinds equal a model, also resumed anywhere."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dreamlake_assets import store
from dreamlake_assets.database.connection import Connection, Row, connect
from dreamlake_assets.model import globs
from dreamlake_assets.model.cursors import Position
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.model.names import folders
from dreamlake_assets.store.listing import Filters
from dreamlake_assets.store.lists import ITEM, Listing
from tests.conftest import WRITER, add_namespace
from tests.support.postgres import Server

PROJECT = {"subject": WRITER, "namespace": "testuser", "project": "robotics"}
EPISODES = ("one", "two", None)
LIMITS = (1, 2, 3, 4)

# Some sort just before and after the slash, some begin with another; the last is the highest.
SEGMENTS = ("cam", "cam-left", "cam.mp4", "cam!", "cam0", "c", "é", "🎬", "\ue000", "\U0010ffff")
names = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map(
    lambda segments: "/" + "/".join(segments)
)
assets = st.lists(st.tuples(names, st.sampled_from(EPISODES)), min_size=5, max_size=25)
SIBLINGS = [("/cam/a/b", "one"), ("/cam-left/a", "two"), ("/cam.mp4", None), ("/cam.mp4/a", "two")]

episode_names = st.lists(st.sampled_from((*SEGMENTS, "/", "cam/", "a/b")), min_size=1, max_size=3)
PATTERNS = ("**", "*", "cam*", "cam/*", "*/b", "{c,cam}**", "\U0010ffff*", "**/b", "[!c]*", "?am*")


@pytest.fixture(scope="module")
def project(server: Server, template: str) -> Iterator[Connection]:
    """A project with two empty episodes."""
    with server.database(template=template) as url, connect(url) as connection:
        add_namespace(connection)
        connection.execute(
            "INSERT INTO space (namespace_id, space_id, slug)"
            " SELECT namespace_id, gen_random_uuid(), unnest('{robotics,other}'::text[])"
            " FROM namespace"
        )
        add_episodes(connection, [*filter(None, EPISODES)])
        yield connection


def add_episodes(connection: psycopg.Connection, added: Sequence[str]) -> None:
    connection.execute(
        "INSERT INTO episode (namespace_id, space_id, episode_id, name)"
        " SELECT namespace_id, space_id, gen_random_uuid(), unnest(%s::text[]) FROM space",
        [added],
    )


def fill(connection: psycopg.Connection, paths: set[tuple[str, str | None]]) -> None:
    """Add folders to the project, and one to another project."""
    connection.execute(
        "INSERT INTO node (namespace_id, space_id, episode_id, node_id, path)"
        " SELECT space.namespace_id, space.space_id, episode_id, gen_random_uuid(), path"
        " FROM unnest(%s::text[], %s::text[]) AS folder (path, episode)"
        " INNER JOIN space ON slug = 'robotics' LEFT JOIN episode"
        " ON episode.name = folder.episode AND episode.space_id = space.space_id",
        [[path for path, _ in paths], [episode for _, episode in paths]],
    )
    connection.execute(
        "INSERT INTO node (namespace_id, space_id, node_id, path)"
        " SELECT namespace_id, space_id, gen_random_uuid(), '/cam/elsewhere'"
        " FROM space WHERE slug = 'other'"
    )


def listed(connection: Connection, listing: Callable[[Position | None], Listing]) -> list[Row]:
    """The ids and names of a list, the same as a stream and page by page, for each limit."""
    whole = [row[:2] for row in store.lists.every(connection, listing=listing(None))]
    for row_limit in LIMITS:
        for start in range(len(whole) + 1):
            # After the last row of the page before.
            after = Position(whole[start - 1][1], whole[start - 1][0] or "") if start else None
            page = store.lists.page(connection, listing=listing(after), row_limit=row_limit)
            assert [row[:2] for row in page] == whole[start : start + row_limit + 1]
    return whole


@example(SIBLINGS, "", None)
@example(SIBLINGS, "", "two")
@example([("/cam/cam/a", "one"), ("/cam/cam/a", "two"), ("/cam/cam0/a", None)], "/cam", None)
@settings(max_examples=150, deadline=None)
@given(assets, st.just("") | names, st.sampled_from(EPISODES))
def test_folders(
    project: Connection, made: list[tuple[str, str | None]], parent: str, episode: str | None
) -> None:
    paths = {(path, of_episode) for name, of_episode in made for path in folders(name)}
    places = [
        (path, of_episode)
        for path, of_episode in paths
        if path.rpartition("/")[0] == parent and episode in (None, of_episode)
    ]
    with project.transaction(force_rollback=True):
        fill(project, paths)

        rows = listed(
            project,
            lambda after: store.places.folders(
                **PROJECT, episode=episode, episode_id=None, parent=parent, after=after
            ),
        )

        assert [path for _, path in rows] == sorted({path for path, _ in places}, key=str.encode)
        for node_id, path in rows:
            alone = [place for place in places if place[0] == path]
            row = project.execute("SELECT path FROM node WHERE node_id = %s", [node_id]).fetchone()
            assert row == ((path,) if len(alone) == 1 else None)


kinds = st.lists(st.sampled_from([*KINDS]), min_size=1, max_size=3, unique=True)
of_kinds = st.tuples(st.none() | names, st.sampled_from(EPISODES), st.sampled_from([*KINDS]))
#: Each way to filter a list, and the assets that match: those with a name, or those at a position.
FILTERS: list[tuple[dict[str, Any], Callable[[str, int], object]]] = [
    ({}, lambda _name, _position: True),
    ({"prefix": "/cam"}, lambda name, _: name.startswith("/cam")),
    ({"glob": globs.parse("/cam*/**")}, lambda name, _: re.match("/cam[^/]*/", name)),
    ({"glob": globs.parse("/*/cam*")}, lambda name, _: re.fullmatch("/[^/]*/cam[^/]*", name)),
    ({"tags": ["second"]}, lambda _, position: position % 2 == 0),
    ({"created_after": "2026-01-10"}, lambda _, position: position >= 9),
    ({"digests": ["0" * 64]}, lambda _, position: position % 5 == 0),
    ({"deleted": "only"}, lambda _name, _position: True),
]


def register(
    connection: psycopg.Connection, ids: list[str], made: list[tuple[str | None, str | None, str]]
) -> None:
    """Register assets, one a day, and delete every seventh."""
    fill(connection, {(path, episode) for name, episode, _ in made for path in folders(name)})
    connection.execute(
        "INSERT INTO asset (namespace_id, space_id, episode_id, asset_id, kind, name, fps, lens,"
        " tags, sha256, created_at, deleted_at)"
        " SELECT space.namespace_id, space.space_id, episode_id, asset_id, kind, made.name,"
        " CASE kind WHEN 'video' THEN 30 END, CASE kind WHEN 'video' THEN 'pinhole' END,"
        " CASE mod(position, 2) WHEN 0 THEN '{second}'::text[] ELSE '{}' END,"
        " CASE mod(position, 5) WHEN 0 THEN decode(repeat('0', 64), 'hex') END,"
        " timestamptz '2026-01-01T00:00:00Z' + position * interval '1 day',"
        " CASE mod(position, 7) WHEN 6 THEN now() END"
        " FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) WITH ORDINALITY"
        " AS made (asset_id, name, episode, kind, number)"
        " CROSS JOIN LATERAL (VALUES (number::int - 1)) AS counted (position)"
        " INNER JOIN space ON slug = 'robotics' LEFT JOIN episode"
        " ON episode.name = made.episode AND episode.space_id = space.space_id",
        [ids, *map(list, zip(*made, strict=True))],
    )


@example([(f"/{name}", None, "video") for name in SEGMENTS], [*KINDS], [], FILTERS[0])
@example([("/a", None, "video")] * 15, [*KINDS], [], FILTERS[5])
@settings(max_examples=60, deadline=None)
@given(
    st.lists(of_kinds, min_size=5, max_size=15),
    kinds | st.just([*KINDS]),
    st.lists(st.sampled_from(EPISODES[:2]), max_size=2, unique=True),
    st.sampled_from(FILTERS),
)
def test_assets_of_all_kinds(
    project: Connection,
    made: list[tuple[str | None, str | None, str]],
    asked: list[str],
    episodes: list[str],
    of: tuple[dict[str, Any], Callable[[str, int], object]],
) -> None:
    ids = [str(uuid7()) for _ in made]
    filters, matches = of
    by_name = filters.keys() & {"prefix", "glob"}

    def listing(after: Position | None, *, paged: bool) -> Listing:
        return store.listing.assets(
            kinds=[KINDS[kind] for kind in asked],
            subject=WRITER,
            filters=Filters("testuser", "robotics", episodes, **filters),
            after=after,
            paged=paged,
            view=ITEM,
        )

    with project.transaction(force_rollback=True):
        register(project, ids, made)

        rows = listed(project, partial(listing, paged=True))
        if len(episodes) < 2:
            stream = store.lists.every(project, listing=listing(None, paged=False))
            assert [row[:2] for row in stream] == rows

    expected = sorted(
        (name is None, (name or "").encode(), asset_id)
        for position, (asset_id, (name, episode, kind)) in enumerate(zip(ids, made, strict=True))
        if kind in asked
        and (not episodes or episode in episodes)
        and (position % 7 == 6) == ("deleted" in filters)
        and (name is not None or not by_name)
        and matches(name or "", position)
    )
    assert [asset_id for asset_id, _ in rows] == [asset_id for *_, asset_id in expected]


@example({"cam", "cam/", "cam-left", "cam.mp4"}, "", None)
@settings(max_examples=100, deadline=None)
@given(
    st.sets(episode_names.map("".join), max_size=12),
    st.sampled_from(("", "c", "cam", "cam/", "\U0010ffff")),
    st.none() | st.sampled_from(PATTERNS),
)
def test_episodes(project: Connection, added: set[str], prefix: str, pattern: str | None) -> None:
    glob = None if pattern is None else globs.parse(pattern)
    with project.transaction(force_rollback=True):
        add_episodes(project, list(added))

        rows = listed(
            project,
            lambda after: store.places.episodes(
                **PROJECT, prefix=prefix, glob=glob, name=None, after=after
            ),
        )

        found = [name for _, name in rows]
        every = sorted(added | {"one", "two"}, key=str.encode)
        if glob is None:
            assert found == [name for name in every if name.startswith(prefix)]
        else:
            matching = "SELECT name FROM unnest(%s::text[]) AS name WHERE '/' || name ~ %s"
            matches = {name for (name,) in project.execute(matching, [every, glob.regex])}
            assert found == [name for name in every if name in matches]
        for name in found:
            one = store.places.episodes(**PROJECT, prefix=prefix, glob=glob, name=name, after=None)
            assert [row[1] for row in store.lists.every(project, listing=one)] == [name]
