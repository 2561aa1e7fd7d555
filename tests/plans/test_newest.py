"""The newest asset of a name is one probe of one index, however many assets have the name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dreamlake_assets.database.connection import connect
from dreamlake_assets.model.kinds import KINDS
from tests.plans.conftest import ANALYZE, LARGE_EPISODE, Explain, Plan, explain
from tests.plans.test_listing import TO_EPISODE
from tests.support.postgres import Server

CROWD = Path(__file__).with_name("crowd.sql")

OF_PROJECT = "asset_live_by_space_name_created_at"
OF_EPISODE = "asset_live_by_episode_name_created_at"


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


def newest(plan: Explain, name: str, kind: str = "video", **place: object) -> Plan:
    """The plan for one name, by default in a project."""
    return plan(
        "asset/find_many",
        item_ids="{NULL}",
        item_names=f"{{{name}}}",
        item_kinds=f"{{{kind}}}",
        **{"episode": None, **place},
    )


def is_a_probe(plan: Plan, index: str, kinds: int = 1) -> bool:
    """Whether a plan reads one entry of an index of assets for each kind, and nothing else."""
    assert plan.probes[index] == kinds
    assert not plan.scanned
    # Three pages of each index of the path and a row, and three or four pages for each kind.
    assert plan.buffers <= 4 * len(TO_EPISODE) + 5 * kinds
    return plan.rows == 1


@pytest.mark.parametrize(("kind", "kinds"), [("video", 1), ("NULL", len(KINDS))])
def test_a_name_is_a_probe_for_each_kind(plan: Explain, kind: str, kinds: int) -> None:
    name = "/camera/c05/person001234.mp4"
    assert is_a_probe(newest(plan, name, kind), OF_PROJECT, kinds)
    assert is_a_probe(newest(plan, name, kind, **LARGE_EPISODE), OF_EPISODE, kinds)


@pytest.mark.parametrize("name", ["/1000.mp4", "/10000.mp4", "/everywhere.mp4"])
def test_many_assets_of_a_name_in_a_project(plan_in_crowd: Explain, name: str) -> None:
    one, many = (newest(plan_in_crowd, each) for each in ("/1.mp4", name))
    assert is_a_probe(one, OF_PROJECT)
    assert is_a_probe(many, OF_PROJECT)
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
    one = newest(plan_in_crowd, "/1.mp4", episode="run-0")
    many = newest(plan_in_crowd, name, episode=episode)
    assert is_a_probe(one, OF_EPISODE)
    assert is_a_probe(many, OF_EPISODE)
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
