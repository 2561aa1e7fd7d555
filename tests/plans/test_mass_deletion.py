"""Pages after most assets of a project were deleted, and the table was vacuumed."""

from collections.abc import Iterator

import pytest

from dreamlake_assets.database.connection import Connection, connect
from tests.conftest import add_namespace
from tests.plans.conftest import PAGE, WITH_RUN, Explain, Plan, explain
from tests.support.postgres import Server

ASSETS = 20_000
#: 95 % of the names are before this one.
FIRST_LEFT = f"/camera/c05/{ASSETS * 95 // 100:06}.mp4"
#: The lists that read the names in their order, and those that count what matches a filter.
LISTS = [
    f"asset/{verb}"
    for verb in (
        *("list_by_project", "list_by_prefix", "list_by_glob", "keys_by_project"),
        *("list_by_episode", "list_by_episode_prefix", "list_by_episode_glob", "keys_by_episode"),
        *("stream_by_project", "stream_by_episode"),
    )
]
FILTERED = [
    f"asset/{verb}_by_{of}{filtered}"
    for verb in ("list", "keys")
    for of in ("", "episode_")
    for filtered in ("tag", "created_at")
]
DELETED = ("asset/keys_by_deleted", "asset/keys_by_episode_deleted")
EVERYTHING: dict[str, object] = {
    "created_after": "-infinity",
    "created_before": "infinity",
    "episode": "run-042",
    "episodes": "{run-042}",
}

#: One episode, in which neighbours by name were registered apart.
_INSERT = f"""
    {WITH_RUN}
    INSERT INTO asset (namespace_id, space_id, episode_id, asset_id, kind, name, fps, lens, tags)
    SELECT
        namespace_id, space_id, episode_id, gen_random_uuid(), 'video',
        '/camera/c05/' || lpad((number * 7919 % {ASSETS})::text, 6, '0') || '.mp4',
        30, 'pinhole', '{{night,rain}}'
    FROM run, generate_series(0, {ASSETS - 1}) AS number
"""


@pytest.fixture
def large(server: Server, template: str) -> Iterator[Connection]:
    with (
        server.database(template=template) as url,
        connect(url, as_service=True) as connection,
    ):
        add_namespace(connection)
        connection.execute(_INSERT.encode())
        connection.execute("VACUUM (ANALYZE)")
        yield connection


def pages(connection: Connection) -> dict[str, Plan]:
    """The first page of each list."""
    plan: Explain = explain(connection)
    return {name: plan(name, **EVERYTHING) for name in LISTS}


@pytest.mark.parametrize(
    ("deleted", "more"),
    [
        # All that stand before the rest in the order of the lists.
        (f"name < '{FIRST_LEFT}'", 0),
        # One page of the index is left for each few assets, until the index is built again.
        ("hashtext(name) % 20 <> 0", PAGE // 2),
    ],
    ids=["a range", "scattered"],
)
def test_a_page_reads_no_more_after_it(large: Connection, deleted: str, more: int) -> None:
    before = pages(large)
    large.execute(f"UPDATE asset SET deleted_at = now() WHERE {deleted}".encode())
    large.execute("VACUUM (ANALYZE) asset")
    for name, page in pages(large).items():
        assert page.rows == PAGE, name
        assert page.buffers <= before[name].buffers + more, name
    # So few matches of a filter are read and sorted, instead of reading the assets by name.
    for name in FILTERED:
        assert explain(large)(name, **EVERYTHING).buffers <= ASSETS * 6 // 100, name
    for name in DELETED:
        page = explain(large)(name, **EVERYTHING, digests="{}")
        assert page.rows == PAGE, name
        assert page.buffers <= 2 * PAGE, name
    large.execute("REINDEX TABLE asset")
    for name, page in pages(large).items():
        assert page.buffers <= before[name].buffers, name
