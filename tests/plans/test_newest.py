"""The newest asset of a name is one probe of one index, however many assets have the name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dreamlake_assets.database.connection import connect
from dreamlake_assets.model.kinds import KINDS
from tests.plans.conftest import ANALYZE, LARGE_EPISODE, Explain, Plan, explain
from tests.plans.test_listing import TO_EPISODE, TO_PROJECT
from tests.support.postgres import Server

CROWD = Path(__file__).with_name("crowd.sql")

IN_PROJECT = TO_PROJECT | {"asset_live_by_space_name_created_at"}
IN_EPISODE = TO_EPISODE | {"asset_live_by_episode_name_created_at"}


@pytest.fixture(scope="module")
def plan_in_crowd(server: Server, template: str) -> Iterator[Explain]:
    """Plans on a database in which up to 10,000 assets have the same name."""
    with (
        server.database(template=template) as url,
        connect(url, as_service=True) as connection,
    ):
        connection.execute(CROWD.read_bytes())
        connection.execute(ANALYZE)
        yield explain(connection)


def is_a_probe(plan: Plan, indexes: set[str]) -> bool:
    """Whether a plan reads one entry of an index of assets and its row, and nothing else."""
    assert plan.indexes == indexes
    assert not plan.scanned
    assert not plan.sorts
    # Three pages of each index, and a row.
    assert plan.buffers <= 4 * len(indexes) + 2
    return plan.rows == 1


def test_in_a_project(plan: Explain) -> None:
    assert is_a_probe(plan("asset/find_by_name", name="/camera/c05/person001234.mp4"), IN_PROJECT)


def test_in_an_episode(plan: Explain) -> None:
    name = "/camera/c05/person001234.mp4"
    assert is_a_probe(plan("asset/find_by_episode_name", name=name, **LARGE_EPISODE), IN_EPISODE)


@pytest.mark.parametrize("name", ["/1000.mp4", "/10000.mp4", "/everywhere.mp4"])
def test_many_assets_of_a_name_in_a_project(plan_in_crowd: Explain, name: str) -> None:
    one, many = (plan_in_crowd("asset/find_by_name", name=each) for each in ("/1.mp4", name))
    assert is_a_probe(one, IN_PROJECT)
    assert is_a_probe(many, IN_PROJECT)
    # Where the newest ends a page of the index, the scan starts on the next page.
    assert abs(many.buffers - one.buffers) <= 1


@pytest.mark.parametrize(
    ("name", "episode"),
    [
        ("/1000.mp4", "run-0"),
        ("/10000.mp4", "run-0"),
        ("/everywhere.mp4", "run-1"),
        ("/everywhere.mp4", "run-10000"),
    ],
)
def test_many_assets_of_a_name_in_an_episode(
    plan_in_crowd: Explain, name: str, episode: str
) -> None:
    one = plan_in_crowd("asset/find_by_episode_name", name="/1.mp4", episode="run-0")
    many = plan_in_crowd("asset/find_by_episode_name", name=name, episode=episode)
    assert is_a_probe(one, IN_EPISODE)
    assert is_a_probe(many, IN_EPISODE)
    assert abs(many.buffers - one.buffers) <= 1


def many(plan_in_crowd: Explain, count: int, **place: object) -> Plan:
    """The plan for this many of the crowded names, without a kind."""
    nothing = ",".join(["NULL"] * count)
    names = ",".join(["/10000.mp4", "/everywhere.mp4"] * (count // 2))
    return plan_in_crowd(
        "asset/find_many",
        item_ids=f"{{{nothing}}}",
        item_names=f"{{{names}}}",
        item_kinds=f"{{{nothing}}}",
        **place,
    )


@pytest.mark.parametrize("episode", [None, "run-1"])
def test_each_of_many_names_is_a_probe_for_each_kind(
    plan_in_crowd: Explain, episode: str | None
) -> None:
    few, more = (many(plan_in_crowd, count, episode=episode) for count in (2, 200))
    assert few.rows == 2
    assert more.rows == 200
    assert not more.scanned
    # A row in one kind, and five pages of an index in each.
    assert more.buffers - few.buffers <= 198 * (1 + 5 * len(KINDS))
