"""Lists of all kinds cost what a page of each kind costs, wherever the page begins."""

import psycopg
import pytest

from dreamlake_assets.database.explain import plan_of
from dreamlake_assets.database.heads import Head
from dreamlake_assets.model.kinds import KINDS
from tests.plans.conftest import GROWING, LARGE_EPISODE, PAGE, Explain, Plan, by_folder
from tests.plans.test_listing import ALWAYS, TO_EPISODE, TO_PROJECT

OF_PROJECT = "asset_live_by_space_name"
OF_EPISODE = "asset_live_by_episode_name"
#: Two ranges of names for each kind, each three or four pages deep, and a page of keys in each.
KEYS_BUFFERS = len(KINDS) * 2 * 4 + len(KINDS) * PAGE // 20 + 40
IN_EPISODE = {"project": LARGE_EPISODE["project"], "episodes": f"{{{LARGE_EPISODE['episode']}}}"}
SEVERAL = {"episodes": f"{{{','.join(f'run-{number:04}' for number in range(1, 11))}}}"}


@pytest.mark.parametrize("position", ["first", "deep", "unnamed"])
def test_a_page_of_a_project(plan: Explain, deep: dict[str, object], position: str) -> None:
    """The first page, one behind 100,000 assets, and one of assets without a name."""
    values = {"first": {}, "deep": deep, "unnamed": {"after_name": "0"}}[position]
    found = plan("asset/keys_by_project", **values)
    assert (found.rows, found.indexes) == (PAGE, TO_PROJECT | {OF_PROJECT})
    assert not found.scanned & GROWING
    # Entries that are found through the table, if the index is not all visible.
    assert found.buffers <= KEYS_BUFFERS + len(KINDS) * PAGE


def test_a_page_of_episodes(plan: Explain, deep_in_episode: dict[str, object]) -> None:
    deep = {name: deep_in_episode[name] for name in ("after_name", "after_id")}
    for values, bound in (
        (IN_EPISODE, KEYS_BUFFERS + len(KINDS) * PAGE),
        ({**IN_EPISODE, **deep}, KEYS_BUFFERS + len(KINDS) * PAGE),
        (SEVERAL, 10 * KEYS_BUFFERS + len(KINDS) * PAGE),
    ):
        found = plan("asset/keys_by_episode", **values)
        assert (found.rows, found.indexes) == (PAGE, TO_EPISODE | {OF_EPISODE})
        assert not found.scanned & GROWING
        assert found.buffers <= bound


@pytest.mark.parametrize(
    ("name", "values"), [("asset/stream_by_project", {}), ("asset/stream_by_episode", IN_EPISODE)]
)
def test_a_stream_sorts_nothing(plan: Explain, name: str, values: dict[str, object]) -> None:
    first = plan(name, **values)
    assert first.rows == PAGE
    assert not first.sorts
    assert "Merge Append" in first.types
    assert first.buffers <= KEYS_BUFFERS + PAGE
    of_audio = plan(name, **values, kinds="{audio}")
    assert of_audio.rows == PAGE
    assert of_audio.buffers <= 40 + PAGE


@pytest.mark.parametrize("of", ["list", "keys"])
def test_page_10_000_costs_what_the_first_costs(
    plan: Explain, deep: dict[str, object], deep_in_episode: dict[str, object], of: str
) -> None:
    """In pages of ten."""
    for name, values, after in (
        ("project", {}, deep),
        ("episode", LARGE_EPISODE | IN_EPISODE, deep_in_episode),
    ):
        first, last = (
            plan(f"asset/{of}_by_{name}", **values, **position, row_limit=10)
            for position in ({}, {key: after[key] for key in ("after_name", "after_id")})
        )
        assert (first.rows, last.rows) == (10, 10)
        # The page may begin in the middle of a page of the index, and of the table.
        assert last.buffers <= first.buffers + 10 + len(KINDS)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("keys_by_tag", {"tags": "{night}"}),
        ("keys_by_created_at", ALWAYS),
        ("keys_by_folder_glob", by_folder("/camera/*/*")),
    ],
)
def test_a_filtered_stream_of_several_kinds_sorts_in_files(
    seeded: psycopg.Connection, plan: Explain, name: str, values: dict[str, object]
) -> None:
    """Its keys take work_mem at most, and up to 100 bytes each of a temporary file."""
    with seeded.transaction(force_rollback=True):
        seeded.execute("SET LOCAL work_mem = '256kB'")
        found = plan(f"asset/{name}", **values, row_limit=None)
    assert found.rows > 30_000
    assert 256 < found.spilled <= found.rows * 100 // 1024


def test_a_glob_by_folders(plan: Explain) -> None:
    glob = by_folder("/camera/*/person001234.mp4")
    for name, values in (
        ("asset/keys_by_folder_glob", {}),
        ("asset/keys_by_episode_folder_glob", IN_EPISODE),
    ):
        found = plan(name, **glob, **values)
        assert found.rows == 20
        assert not found.scanned & GROWING
        assert found.buffers <= 40 + 25 * (8 + 4 * len(KINDS))


@pytest.mark.parametrize(
    ("name", "few", "many"),
    [
        ("tag", {"tags": "{night,rain}"}, {"tags": "{night}"}),
        (
            "created_at",
            {"created_after": "2026-04-01T00:00:00Z", "created_before": "2026-04-01T00:02:00Z"},
            {"created_after": "-infinity", "created_before": "infinity"},
        ),
    ],
)
def test_filters(plan: Explain, name: str, few: dict[str, object], many: dict[str, object]) -> None:
    """Few matches are sorted; of many, 5,001 are counted and the ranges are read in order."""
    for values, bound in ((few, 100 + 2 * 120), (many, 5001 + 5000)):
        found = plan(f"asset/keys_by_{name}", **values)
        assert found.rows == PAGE
        assert not found.scanned & GROWING
        assert found.buffers <= bound
    assert plan(f"asset/keys_by_episode_{name}", **many, **IN_EPISODE).rows == PAGE


def test_digests_and_deleted_assets(plan: Explain) -> None:
    """Lists that find none of 230,000 assets."""
    for name, index, values in (
        ("asset/keys_by_digest", "asset_live_by_sha256", {}),
        ("asset/keys_by_deleted", "asset_deleted_by_space_name", {}),
        ("asset/keys_by_episode_deleted", "asset_deleted_by_episode_name", IN_EPISODE),
    ):
        found = plan(name, **values)
        assert index in found.indexes
        assert found.buffers <= 60 + 4 * len(KINDS)


@pytest.mark.parametrize("view", ["view_item", "view_full"])
@pytest.mark.parametrize("listed", ["keys_by_project", "stream_by_project", "list_by_tag"])
def test_a_view_looks_up_each_asset_in_the_order_of_the_list(
    seeded: psycopg.Connection, plan: Explain, view: str, listed: str
) -> None:
    examples = {**Head(f"asset/{view}").examples, **Head(f"asset/{listed}").examples}
    name = f"asset/{view} of asset/{listed}"
    [[explained]] = plan_of(seeded, name, examples, "FORMAT JSON")
    found, keys = Plan(explained["Plan"]), plan(f"asset/{listed}")
    assert found.indexes == keys.indexes | Head(f"asset/{view}").indexes
    assert not found.scanned & GROWING
    # The asset, its episode and its folder: three or four pages of an index and one of the table.
    assert found.buffers <= keys.buffers + PAGE * (5 if view == "view_item" else 15) + 10
