"""A large database, and the plans of statements on it."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from dreamlake_assets.database.connection import connect
from dreamlake_assets.database.explain import plan_of
from dreamlake_assets.database.heads import Head
from dreamlake_assets.model import globs
from tests.support.postgres import Server

SEED = Path(__file__).with_name("seed.sql")
ANALYZE = "VACUUM (ANALYZE) namespace, namespace_member, space, episode, node, asset"

#: Tables that grow with use; no statement may read a whole one.
GROWING = {"namespace_member", "space", "episode", "node", "asset"}
#: The row limit in the examples of the heads.
PAGE = 100
LARGE_EPISODE: dict[str, object] = {"project": "archive", "episode": "run-0001"}

#: The beginning of a statement that creates the project and the episode of the heads' examples.
WITH_RUN = """
    WITH project AS (
        INSERT INTO space (namespace_id, space_id, slug)
        SELECT namespace_id, gen_random_uuid(), 'robotics' FROM namespace
        RETURNING namespace_id, space_id
    ), run AS (
        INSERT INTO episode (namespace_id, space_id, episode_id, name)
        SELECT namespace_id, space_id, gen_random_uuid(), 'run-042' FROM project
        RETURNING namespace_id, space_id, episode_id
    )"""


class Plan:
    """The output of EXPLAIN (ANALYZE, BUFFERS) for a statement."""

    def __init__(self, root: dict[str, Any]):
        nodes = list(_nodes(root))
        self.rows = int(root["Actual Rows"])
        self.buffers = root.get("Shared Hit Blocks", 0) + root.get("Shared Read Blocks", 0)
        self.types = {node["Node Type"] for node in nodes}
        #: KiB that sorts wrote to temporary files.
        self.spilled = sum(
            node["Sort Space Used"] for node in nodes if node.get("Sort Space Type") == "Disk"
        )
        self.sorts = bool(self.types & {"Sort", "Incremental Sort"})
        self.indexes = {node["Index Name"] for node in nodes if "Index Name" in node}
        #: How often each index is searched.
        self.probes = Counter[str]()
        for node in nodes:
            if "Index Name" in node:
                self.probes[node["Index Name"]] += int(node["Actual Loops"])
        for node in nodes:  # of ON CONFLICT
            self.indexes.update(node.get("Conflict Arbiter Indexes", ()))
        self.scanned = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
        self.written = sum(
            child["Actual Rows"]
            for node in nodes
            if node["Node Type"] == "ModifyTable"
            for child in node["Plans"]
            if child["Parent Relationship"] == "Outer"
        )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


class Explain(Protocol):
    """The generic plan of a file, run with the examples of its head and rolled back."""

    def __call__(self, name: str, /, **values: object) -> Plan: ...


def explain(connection: psycopg.Connection) -> Explain:
    def plan(name: str, /, **values: object) -> Plan:
        parameters = {**Head(name).examples, **values}
        [[explained]] = plan_of(connection, name, parameters, "FORMAT JSON")
        return Plan(explained["Plan"])

    return plan


@pytest.fixture(scope="session")
def seeded(server: Server, template: str) -> Iterator[psycopg.Connection]:
    """A session of the service on a database of 230,000 assets."""
    with (
        server.database(template=template) as url,
        connect(url, as_service=True) as connection,
    ):
        connection.execute(SEED.read_bytes())
        connection.execute(ANALYZE)
        # The planner may read whole tables here, and chooses not to.
        connection.execute("SET enable_seqscan = on")
        yield connection


@pytest.fixture(scope="session")
def plan(seeded: psycopg.Connection) -> Explain:
    return explain(seeded)


def row_100_000(connection: psycopg.Connection, project: str) -> dict[str, object]:
    """The position of a row in the list of the videos of a project."""
    row = connection.execute(
        "SELECT asset.name, asset.asset_id FROM asset"
        " INNER JOIN space USING (namespace_id, space_id)"
        " INNER JOIN namespace USING (namespace_id)"
        " WHERE namespace.slug = 'testuser' AND space.slug = %s AND kind = 'video'"
        " ORDER BY asset.name, asset.asset_id OFFSET 100000 LIMIT 1",
        [project],
    ).fetchone()
    assert row is not None
    return {"after_name": row[0], "after_id": str(row[1])}


@pytest.fixture(scope="session")
def deep(seeded: psycopg.Connection) -> dict[str, object]:
    """Row 100,000 of the project robotics, which has 10,000 episodes."""
    return row_100_000(seeded, "robotics")


@pytest.fixture(scope="session")
def deep_in_episode(seeded: psycopg.Connection) -> dict[str, object]:
    """Row 100,000 of the only episode of the project archive."""
    return {**LARGE_EPISODE, **row_100_000(seeded, "archive")}


def by_folder(pattern: str) -> dict[str, object]:
    """The parameters of a list by folders."""
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
