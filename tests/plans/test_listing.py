"""The cost of a page depends on its rows, not on its position or on the size of the table."""

import psycopg
import pytest

from tests.plans.conftest import GROWING, LARGE_EPISODE, PAGE, Explain, Plan, by_folder

#: Each row of a page may need its own page of the table. The rest are the descents in the indexes
#: of the path (three pages of each index, and a row) and 100 entries of the index of names.
PAGE_BUFFERS = PAGE + 40

#: A folder costs a step in the index of folders and a range of the index of names, each three or
#: four pages deep, and its rows.
FOLDER_BUFFERS = 12

OF_PROJECT = "asset_live_by_space_name"
OF_EPISODE = "asset_live_by_episode_name"
TO_PROJECT = {"namespace_slug_key", "namespace_member_pkey", "space_slug_key"}
TO_ASSET = {
    "namespace_member_by_subject",
    "asset_pkey",
    "namespace_pkey",
    "space_pkey",
    "episode_pkey",
    "node_pkey",
}
TO_EPISODE = TO_PROJECT | {"episode_name_key", "episode_pkey"}


def is_a_page(plan: Plan, indexes: set[str]) -> bool:
    """Whether a plan reads a page in the order of an index, and nothing else."""
    assert plan.indexes == indexes
    assert not plan.scanned & GROWING
    assert not plan.sorts
    assert plan.buffers <= PAGE_BUFFERS
    return plan.rows == PAGE


def test_a_project(plan: Explain, deep: dict[str, object]) -> None:
    for position in ({}, deep, {"after_name": "0"}):
        assert is_a_page(plan("asset/list_by_project", **position), TO_PROJECT | {OF_PROJECT})


def test_a_prefix(plan: Explain, deep: dict[str, object]) -> None:
    for position in ({}, deep):
        assert is_a_page(plan("asset/list_by_prefix", **position), TO_PROJECT | {OF_PROJECT})


def test_a_glob(plan: Explain, deep: dict[str, object]) -> None:
    for position in ({}, deep):
        page = plan("asset/list_by_glob", **position)
        assert is_a_page(page, TO_PROJECT | {OF_PROJECT})


def test_an_episode(plan: Explain, deep_in_episode: dict[str, object]) -> None:
    for position in (LARGE_EPISODE, deep_in_episode, {**LARGE_EPISODE, "after_name": "0"}):
        assert is_a_page(plan("asset/list_by_episode", **position), TO_EPISODE | {OF_EPISODE})


def test_a_prefix_in_an_episode(plan: Explain, deep_in_episode: dict[str, object]) -> None:
    for position in (LARGE_EPISODE, deep_in_episode):
        page = plan("asset/list_by_episode_prefix", **position)
        assert is_a_page(page, TO_EPISODE | {OF_EPISODE})


def test_a_glob_in_an_episode(plan: Explain, deep_in_episode: dict[str, object]) -> None:
    for position in (LARGE_EPISODE, deep_in_episode):
        page = plan("asset/list_by_episode_glob", **position)
        assert is_a_page(page, TO_EPISODE | {OF_EPISODE})


def test_an_episode_is_found_among_thousands(plan: Explain, seeded: psycopg.Connection) -> None:
    """By name and by id, although it is among the last of 10,000 by both."""
    row = seeded.execute(
        "SELECT episode_id FROM episode WHERE name = 'run-9999' AND namespace_id ="
        " (SELECT namespace_id FROM namespace WHERE slug = 'testuser')"
    ).fetchone()
    assert row is not None
    for episode in ({"episode": "run-9999"}, {"episode": None, "episode_id": str(row[0])}):
        listed = plan("asset/list_by_episode", **episode, row_limit=1)
        assert (listed.rows, listed.indexes) == (1, TO_EPISODE | {OF_EPISODE})
        assert listed.buffers <= 40


@pytest.mark.parametrize(
    ("pattern", "folders"),
    [
        ("/camera/*/person001234.mp4", 20),
        ("/camera/c0*/person001234.mp4", 10),
        ("/camera/c0[5]/person001234.mp4", 1),
        ("/**/person001234.mp4", 20),
    ],
)
def test_a_glob_by_folders(plan: Explain, pattern: str, folders: int) -> None:
    """Buffers grow with the folders that may match, not with assets or episodes."""
    found = plan("asset/list_by_folder_glob", **by_folder(pattern))
    assert found.rows == folders
    assert found.indexes == TO_PROJECT | {"node_by_space_path", OF_PROJECT}
    assert not found.scanned & GROWING
    assert found.buffers <= 40 + FOLDER_BUFFERS * (folders + 5)  # five folders have no assets


def test_a_glob_by_folders_costs_the_same_in_ten_episodes_and_in_ten_thousand(
    plan: Explain,
) -> None:
    glob = by_folder("/camera/*/person000042.mp4")
    many = plan("asset/list_by_folder_glob", **glob, project="robotics")
    few = plan("asset/list_by_folder_glob", **glob, project="few")
    assert many.rows == few.rows == 20
    # One more level in each of two indexes, for each of 21 folders.
    assert many.buffers <= few.buffers + 2 * 21


def test_folders_below_the_pattern_are_skipped(plan: Explain) -> None:
    """All folders are between the bounds of the pattern, and all are deeper than it."""
    found = plan("asset/list_by_folder_glob", **by_folder("/*/person001234.mp4"))
    assert found.rows == 1  # the one row without a match
    assert found.buffers <= 40 + FOLDER_BUFFERS * 3


@pytest.mark.parametrize(("pattern", "folders"), [("/*", 3), ("/*.mp4", 3), ("/camera/c*", 20)])
def test_files_are_found_between_the_folders_beside_them(
    plan: Explain, pattern: str, folders: int
) -> None:
    """No name matches, although 100,000 are between the bounds of the pattern."""
    of_project = plan("asset/list_by_folder_glob", **by_folder(pattern))
    of_episode = plan("asset/list_by_episode_folder_glob", **by_folder(pattern), **LARGE_EPISODE)
    for found in (of_project, of_episode):
        assert found.rows == 1  # the one row without a match
        assert not found.scanned & GROWING
        assert found.buffers <= 40 + 2 * FOLDER_BUFFERS * (folders + 1)


def test_a_glob_by_folders_in_an_episode(plan: Explain) -> None:
    found = plan(
        "asset/list_by_episode_folder_glob",
        **by_folder("/camera/*/person001234.mp4"),
        **LARGE_EPISODE,
    )
    assert found.rows == 20
    assert found.indexes == TO_EPISODE | {"node_path_key", OF_EPISODE}
    assert not found.scanned & GROWING
    assert found.buffers <= 40 + FOLDER_BUFFERS * 25


DAY = {"created_after": "2026-04-01T00:00:00Z", "created_before": "2026-04-01T00:02:00Z"}
ALWAYS: dict[str, object] = {"created_after": "-infinity", "created_before": "infinity"}


@pytest.mark.parametrize(
    ("name", "index", "few", "many"),
    [
        ("asset/list_by_tag", "asset_live_by_tag", {"tags": "{night,rain}"}, {"tags": "{night}"}),
        ("asset/list_by_created_at", "asset_live_by_created_at", DAY, ALWAYS),
    ],
)
def test_filters(
    *,
    plan: Explain,
    deep: dict[str, object],
    name: str,
    index: str,
    few: dict[str, object],
    many: dict[str, object],
) -> None:
    """Few matches are sorted; of many, 5,001 are counted and the list is read in its order."""
    for values, bound in ((few, 40 + 2 * 120), (many, 5001 + 5000), (many | deep, 5001 + 5000)):
        page = plan(name, **values)
        assert page.rows == PAGE
        assert page.indexes == TO_PROJECT | {index, OF_PROJECT}
        assert not page.scanned & GROWING
        assert page.buffers <= bound


@pytest.mark.parametrize(
    ("name", "index", "many"),
    [
        ("asset/list_by_episode_tag", "asset_live_by_tag", {"tags": "{night}"}),
        ("asset/list_by_episode_created_at", "asset_live_by_created_at", ALWAYS),
    ],
)
def test_filters_in_an_episode(
    plan: Explain,
    deep_in_episode: dict[str, object],
    name: str,
    index: str,
    many: dict[str, object],
) -> None:
    for position in (LARGE_EPISODE, deep_in_episode):
        page = plan(name, **many, **position)
        assert page.rows == PAGE
        assert page.indexes == TO_EPISODE | {index, OF_EPISODE}
        assert not page.scanned & GROWING
        assert page.buffers <= 5001 + 5000


@pytest.mark.parametrize(
    ("subject", "namespaces"), [("test-001", 1), ("owner of testuser", 1), ("robot", 4998)]
)
def test_an_asset_by_its_id(plan: Explain, subject: str, namespaces: int) -> None:
    """It costs a lookup for each namespace of the subject, and needs no index of its own."""
    found = plan("asset/find_by_id", subject=subject)
    assert found.rows == 1
    assert found.indexes == TO_ASSET
    assert not found.scanned & GROWING
    # The membership and three pages of asset_pkey, then project, episode and folder.
    assert found.buffers <= 30 + 4.2 * namespaces
