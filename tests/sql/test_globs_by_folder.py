"""A list by glob returns the same assets as matching every name, with either statement."""

from collections.abc import Iterator
from functools import partial

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dreamlake_assets import limits, store
from dreamlake_assets.database.connection import Connection, connect
from dreamlake_assets.model import globs
from dreamlake_assets.model.cursors import Position
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.model.names import folders
from dreamlake_assets.store.listing import Filters
from tests.conftest import WRITER, add_namespace
from tests.support.postgres import Server

VIDEO = KINDS["video"]
EPISODES = ("one", "two", None)

# Few, so that patterns match names; some sort just before and after the slash.
SEGMENTS = ("a", "a", "b", "ab", "a-", "a0", "*", "[é")
names = st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4).map(
    lambda segments: "/" + "/".join(segments)
)
assets = st.lists(st.tuples(names, st.sampled_from(EPISODES)), min_size=5, max_size=25)

PIECES = ("a", "b", "0", "-", "é", "\\*", "\\[", "*", "?", "[a-b]", "[!a]", "{a,b}", "{a/,b,}")
nasty = st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join)
folder_parts = st.one_of(st.just("**"), st.just("*"), st.sampled_from(("a", "a*", "?")), nasty)
file_parts = st.one_of(st.just("a*"), st.sampled_from(("*", "a", "*b", "**")), nasty)
patterns = (
    st.tuples(st.lists(folder_parts, min_size=1, max_size=2), file_parts)
    .map(lambda pattern: "/".join([*pattern[0], pattern[1]]))
    # The service refuses more alternatives.
    .filter(lambda pattern: 3 ** pattern.count("{") <= limits.GLOB_ALTERNATIVES)
)


@pytest.fixture(scope="module")
def project(server: Server, template: str) -> Iterator[Connection]:
    """A project with two empty episodes."""
    with server.database(template=template) as url, connect(url) as connection:
        add_namespace(connection)
        connection.execute(
            "INSERT INTO space (namespace_id, space_id, slug)"
            " SELECT namespace_id, gen_random_uuid(), 'robotics' FROM namespace"
        )
        connection.execute(
            "INSERT INTO episode (namespace_id, space_id, episode_id, name)"
            " SELECT namespace_id, space_id, gen_random_uuid(), unnest(%s::text[]) FROM space",
            [[*EPISODES[:2]]],
        )
        yield connection


def fill(connection: psycopg.Connection, made: list[tuple[str, str | None]]) -> None:
    """Add assets and their folders."""
    paths = {(path, episode) for name, episode in made for path in folders(name)}
    connection.execute(
        "INSERT INTO node (namespace_id, space_id, episode_id, node_id, path)"
        " SELECT space.namespace_id, space.space_id, episode_id, gen_random_uuid(), path"
        " FROM unnest(%s::text[], %s::text[]) AS folder (path, episode) CROSS JOIN space"
        " LEFT JOIN episode ON episode.name = folder.episode",
        [[path for path, _ in paths], [episode for _, episode in paths]],
    )
    connection.execute(
        "INSERT INTO asset (namespace_id, space_id, episode_id, asset_id, kind, name, fps, lens)"
        " SELECT space.namespace_id, space.space_id, episode_id, asset_id, 'video', made.name,"
        " 30, 'pinhole'"
        " FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS made (asset_id, name, episode)"
        " CROSS JOIN space LEFT JOIN episode ON episode.name = made.episode",
        [
            [str(uuid7()) for _ in made],
            [name for name, _ in made],
            [episode for _, episode in made],
        ],
    )


def matching(
    connection: psycopg.Connection, glob: globs.Glob, episode: str | None
) -> list[tuple[str, str]]:
    """The assets that match, found by matching each name."""
    return connection.execute(
        "SELECT asset.asset_id, asset.name FROM asset"
        " LEFT JOIN episode USING (namespace_id, episode_id)"
        " WHERE asset.name ~ %s AND (%s::text IS NULL OR episode.name = %s)"
        " ORDER BY asset.name, asset.asset_id",
        [glob.regex, episode, episode],
    ).fetchall()


# Everything below /a is skipped; /a0 follows right after it.
@example([("/a/a/a", None), ("/a0/a", None)], "*/a*", None, 1)
# Two folders above the file match.
@example([("/a/a/a", "one"), ("/a/a", "one")], "**/a*", "one", 1)
@settings(max_examples=300, deadline=None)
@given(assets, patterns, st.sampled_from(EPISODES), st.integers(1, 5))
def test_pages_and_streams_hold_what_matches(
    project: Connection,
    made: list[tuple[str, str | None]],
    pattern: str,
    episode: str | None,
    row_limit: int,
) -> None:
    glob = globs.parse(pattern)
    filters = Filters("testuser", "robotics", [episode] if episode else [], glob=glob)
    of_filters = partial(
        store.listing.assets, kinds=[VIDEO], subject=WRITER, filters=filters, paged=False
    )
    with project.transaction(force_rollback=True):
        fill(project, made)
        expected = matching(project, glob, episode)
        whole = store.lists.every(project, listing=of_filters(after=None))
        assert [row[:2] for row in whole] == expected

        paged: list[tuple[str, str]] = []
        after, more = None, True
        while more:
            listing = of_filters(after=after)
            rows = store.lists.page(project, listing=listing, row_limit=row_limit)
            more = len(rows) > row_limit
            paged += [row[:2] for row in rows[:row_limit]]
            if more:
                asset_id, name = paged[-1]
                after = Position(name, asset_id)
    assert paged == expected
