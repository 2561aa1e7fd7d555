"""Lists of projects, episodes and folders cost what a page holds, not what is below it."""

import pytest

from tests.plans.conftest import GROWING, LARGE_EPISODE, PAGE, Explain
from tests.plans.test_listing import PAGE_BUFFERS, TO_EPISODE, TO_PROJECT

#: A folder costs two hops and a look at the places that have it, each three or four pages deep.
FOLDER_BUFFERS = 12
NO_GLOB = {"regex": ""}


def test_projects(plan: Explain) -> None:
    found = plan("space/list_by_namespace", from_name="", upper_name="{")
    assert (found.rows, found.indexes) == (3, TO_PROJECT)
    assert not found.scanned & GROWING
    assert not found.sorts
    assert found.buffers <= 20


@pytest.mark.parametrize("values", [{}, {"from_name": "run-9900"}, NO_GLOB], ids=str)
def test_episodes(plan: Explain, values: dict[str, object]) -> None:
    """The first page and the last one of 10,000 episodes."""
    found = plan("episode/list_by_project", **values)
    assert (found.rows, found.indexes) == (PAGE, TO_PROJECT | {"episode_by_name"})
    assert not found.scanned & GROWING
    assert not found.sorts
    assert found.buffers <= PAGE_BUFFERS


@pytest.mark.parametrize(
    ("parent", "folders"), [("", 3), ("/camera", 20), ("/camera/c05", 1), ("/camera/c05/raw", 0)]
)
def test_folders(plan: Explain, parent: str, folders: int) -> None:
    """Buffers grow with the folders, not with the episodes or the assets."""
    level = {"parent": parent, "from_name": f"{parent}/"}
    for project in ("robotics", "few"):
        found = plan("node/list_by_project", **level, project=project)
        assert found.rows == max(folders, 1)  # the one row without a match
        assert found.indexes == TO_PROJECT | {"node_by_space_path"}
        assert not found.scanned & GROWING
        assert found.buffers <= 30 + FOLDER_BUFFERS * folders
    found = plan("node/list_by_episode", **level, **LARGE_EPISODE)
    assert found.rows == max(folders, 1)
    assert found.indexes == TO_EPISODE | {"node_path_key"}
    assert not found.scanned & GROWING
    assert found.buffers <= 40 + FOLDER_BUFFERS * folders


def test_a_page_of_folders_reads_its_folders_only(plan: Explain) -> None:
    level = {"parent": "/camera", "from_name": "/camera/c10\x01", "row_limit": 2}
    for found in (
        plan("node/list_by_project", **level),
        plan("node/list_by_episode", **level, **LARGE_EPISODE),
    ):
        assert found.rows == 2
        assert found.buffers <= 40 + FOLDER_BUFFERS * 2
