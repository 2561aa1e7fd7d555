"""Each statement takes the way that its head tells, whatever the number of assets."""

import pytest

from dreamlake_assets import globs
from tests.plans.conftest import Planner

GROWING = {"space", "episode", "node", "asset"}
SPACE = "asset_by_space_name"
EPISODE = "asset_by_episode_name"
PAGE = 100

LISTINGS = {
    "asset/list_by_project": (SPACE, {}),
    "asset/list_by_prefix": (SPACE, {"after_name": "/camera/c05", "upper_name": "/camera/c06"}),
    "asset/list_by_glob": (
        SPACE,
        {"after_name": "/camera/c05/p", "upper_name": "/camera/c05/q", "regex": "mp4$"},
    ),
    "asset/list_by_episode": (EPISODE, {}),
    "asset/list_by_episode_prefix": (EPISODE, {"after_name": "/camera", "upper_name": "/camerb"}),
    "asset/list_by_episode_glob": (
        EPISODE,
        {"after_name": "/camera", "upper_name": "/camerb", "regex": "mp4$"},
    ),
}


def by_folder(pattern: str) -> dict[str, object]:
    """The parameters of a glob that is answered folder by folder."""
    glob = globs.parse(pattern)
    folder = glob.folder
    assert folder is not None
    return {
        "after_name": glob.lower,
        "regex": glob.regex,
        "folder_regex": folder.regex,
        "folder_lower": folder.lower,
        "folder_upper": folder.upper,
        "folder_depth": folder.depth,
        "file_lower": folder.file_lower,
        "file_upper": folder.file_upper,
    }


@pytest.mark.parametrize("name", LISTINGS)
def test_a_page_is_a_range_of_its_index(planner: Planner, name: str) -> None:
    index, values = LISTINGS[name]
    plan = planner.plan(name, **values)
    assert plan.rows == PAGE
    assert index in plan.indexes
    assert not plan.scanned & GROWING
    assert not plan.types & {"Sort", "Incremental Sort", "Hash Join", "Merge Join"}
    # Each asset may stand on a page of its own; the rest is the way down the indexes.
    assert plan.buffers <= PAGE + 50


@pytest.mark.parametrize("name", ["asset/list_by_project", "asset/list_by_prefix"])
def test_a_late_page_costs_what_the_first_does(planner: Planner, name: str) -> None:
    of = {"upper_name": "/camerb"} if name.endswith("prefix") else {}
    first = planner.plan(name, **of, after_name="/camera")
    late = planner.plan(name, **of, after_name="/camera/c08/person010000.mp4")
    assert first.rows == late.rows == PAGE
    assert late.buffers <= first.buffers + 10


def test_a_folder_glob_reads_as_many_ranges_as_folders_match(planner: Planner) -> None:
    all_ten = planner.plan("asset/list_by_folder_glob", **by_folder("/camera/*/person012345.mp4"))
    three = planner.plan(
        "asset/list_by_folder_glob", **by_folder("/camera/c0[1-3]/person01234?.mp4")
    )
    assert all_ten.rows == 10
    assert three.rows == 30
    for plan in (all_ten, three):
        assert {"node_by_space_path", SPACE} <= plan.indexes
        assert not plan.scanned & GROWING
        # Ten distinct folders, though 22,000 rows of node have them: a few pages for each.
        assert plan.buffers <= 200


def test_a_folder_glob_skips_what_is_deeper_than_the_pattern(planner: Planner) -> None:
    plan = planner.plan("asset/list_by_folder_glob", project="project2", **by_folder("/a*/x.mp4"))
    assert plan.buffers <= 50


def test_a_folder_glob_of_an_episode_reads_the_folders_of_the_episode(planner: Planner) -> None:
    plan = planner.plan("asset/list_by_episode_folder_glob", **by_folder("/camera/*/person*2.mp4"))
    assert plan.rows == 10
    assert {"node_path_key", EPISODE} <= plan.indexes
    assert not plan.scanned & GROWING
    assert plan.buffers <= 200


@pytest.mark.parametrize(
    ("name", "index"),
    [("asset/find_by_name", SPACE), ("asset/find_by_episode_name", EPISODE)],
)
def test_finding_one_reads_one(planner: Planner, name: str, index: str) -> None:
    plan = planner.plan(name, name="/camera/c05/person000425.mp4")
    assert plan.rows == 1
    assert index in plan.indexes
    assert "Sort" not in plan.types
    assert not plan.scanned & GROWING
    assert plan.buffers <= 30


def test_registering_looks_the_path_up_by_its_keys(planner: Planner) -> None:
    plan = planner.plan("asset/insert", folder="/camera/c05", name="/camera/c05/new.mp4")
    assert {"space_slug_key", "episode_name_key", "node_path_key"} <= plan.indexes
    assert not plan.scanned & GROWING
    assert plan.buffers <= 60


@pytest.mark.parametrize(
    ("name", "values", "index"),
    [
        ("space/upsert", {"project": "project1"}, "space_slug_key"),
        ("episode/upsert", {}, "episode_name_key"),
        ("node/upsert", {"parent": "/camera", "path": "/camera/c05"}, "node_path_key"),
    ],
)
def test_an_upsert_of_what_exists_writes_nothing(
    planner: Planner, name: str, values: dict[str, str], index: str
) -> None:
    plan = planner.plan(name, **values)
    assert index in plan.indexes
    assert not plan.scanned & GROWING
    written = [node for node in plan.nodes if node["Node Type"] == "ModifyTable"]
    assert written
    assert all(node["Plans"][0]["Actual Rows"] == 0 for node in written)
    assert plan.buffers <= 60


def test_namespaces_of_a_subject_are_found_by_subject(planner: Planner) -> None:
    plan = planner.plan("namespace/list_by_subject")
    assert plan.rows == 1
