"""A glob that is answered folder by folder finds what matching every name finds."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamlake_assets import db, globs, store
from dreamlake_assets.cursors import Position
from dreamlake_assets.ids import uuid7
from dreamlake_assets.kinds import KINDS
from dreamlake_assets.store.asset import Filters
from tests.conftest import WRITER, add_namespace
from tests.support.postgres import Server

VIDEO = KINDS["video"]
SEGMENTS = ["a", "b", "ab", "a-", "a0", "a.b", "[", "*", "é"]
PIECES = ["a", "b", "*", "?", "**", "[a-b]", "[!a]", "{a,b}", "{a,b*}"]
PIECES += ["\\[", "\\*", "-", "0", "é"]

patterns = st.lists(
    st.one_of(
        st.just("**"), st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map("".join)
    ),
    min_size=1,
    max_size=4,
).map(lambda segments: "/" + "/".join(segments))


@pytest.fixture(scope="module")
def reader(server: Server, template: str) -> Iterator[db.Connection]:
    """A project with assets in every folder of two segments, at the root, and in three episodes."""
    with server.database(template=template) as url, db.connect(url) as connection:
        add_namespace(connection)
        folders = ["", *(f"/{one}" for one in SEGMENTS)]
        folders += [f"/{one}/{two}" for one in SEGMENTS for two in SEGMENTS[:5]]
        for number, folder in enumerate(folders):
            for file in ("a", "ab", "b.mp4"):
                store.asset.register(
                    connection,
                    kind=VIDEO,
                    asset_id=str(uuid7()),
                    subject=WRITER,
                    asset={
                        "namespace": "testuser",
                        "project": "robotics",
                        "episode": (None, "one", "two")[number % 3],
                        "name": f"{folder}/{file}",
                        "bss_id": None,
                        "fps": 30,
                        "lens": "pinhole",
                        "tags": [],
                        "metadata": None,
                    },
                )
        connection.execute("ANALYZE")
        yield connection


def matching(connection: psycopg.Connection, glob: globs.Glob, episode: str | None) -> list[str]:
    """The names that match, by asking of each."""
    return [
        name
        for (name,) in connection.execute(
            "SELECT asset.name FROM asset LEFT JOIN episode USING (namespace_id, episode_id)"
            " WHERE asset.name ~ %s AND (%s::text IS NULL OR episode.name = %s)"
            " ORDER BY asset.name, asset.asset_id",
            [glob.regex, episode, episode],
        )
    ]


@settings(max_examples=150, deadline=None)
@given(
    pattern=patterns,
    episode=st.sampled_from([None, None, "one"]),
    row_limit=st.integers(1, 40),
)
def test_pages_and_streams_hold_what_matches(
    reader: db.Connection, pattern: str, episode: str | None, row_limit: int
) -> None:
    glob = globs.parse(pattern)
    filters = Filters("testuser", "robotics", episode=episode, glob=glob)
    asked = {"kind": VIDEO, "subject": WRITER, "filters": filters}
    expected = matching(reader, glob, episode)
    assert [row[1] for row in store.asset.every(reader, **asked, after=None)] == expected

    paged: list[str] = []
    after = None
    while True:
        rows = store.asset.page(reader, **asked, after=after, row_limit=row_limit)
        paged += [row[1] for row in rows[:row_limit]]
        if len(rows) <= row_limit:
            break
        asset_id, name = rows[row_limit - 1][:2]
        after = Position(name, asset_id)
    assert paged == expected
