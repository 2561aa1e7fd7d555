"""A database of some size, analysed, and the plans that its statements get."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from dreamlake_assets.queries import query
from tests.conftest import NAMESPACE, WRITER, add_namespace
from tests.sql.test_files import TYPES, Head
from tests.support.postgres import Server

#: 2,000 episodes of 100 assets, in the same 10 folders each; and 1,000 without a name.
SEED = """
-- What is inserted here fits together; checking it would take most of the time.
SET session_replication_role = replica;

INSERT INTO namespace (namespace_id, slug)
SELECT md5('tenant' || number)::uuid, 'tenant' || number FROM generate_series(1, 2000) AS number;

INSERT INTO namespace_member (namespace_id, subject, role)
SELECT namespace_id, slug, 'writer' FROM namespace WHERE slug LIKE 'tenant%';

INSERT INTO space (namespace_id, space_id, slug)
SELECT namespace_id, md5('space' || slug)::uuid, 'project1'
FROM namespace
WHERE slug LIKE 'tenant%';
INSERT INTO space (namespace_id, space_id, slug)
SELECT namespace_id, md5(slug || number)::uuid, 'project' || number
FROM namespace, generate_series(1, 3) AS number
WHERE slug = 'testuser';

ANALYZE;

INSERT INTO episode (namespace_id, space_id, episode_id, name)
SELECT namespace_id, space_id, md5('episode' || number)::uuid, 'run-' || lpad(number::text, 4, '0')
FROM space, generate_series(0, 1999) AS number
WHERE space_id = md5('testuser1')::uuid;

ANALYZE;

INSERT INTO node (namespace_id, space_id, episode_id, node_id, path)
SELECT namespace_id, space_id, episode_id, gen_random_uuid(), path
FROM episode, (
    SELECT '/camera' AS path
    UNION ALL SELECT '/camera/c' || lpad(number::text, 2, '0') FROM generate_series(0, 9) AS number
) AS folder;

ANALYZE;

INSERT INTO asset
    (namespace_id, space_id, episode_id, node_id, asset_id, kind, name, bss_id, fps, lens)
SELECT
    node.namespace_id, node.space_id, node.episode_id, node.node_id, gen_random_uuid(), 'video',
    node.path || '/person'
        || lpad((right(episode.name, 4)::int * 10 + file)::text, 6, '0') || '.mp4',
    'bss', 30, 'pinhole'
FROM node
INNER JOIN episode USING (namespace_id, space_id, episode_id), generate_series(0, 9) AS file
WHERE node.path <> '/camera';

ANALYZE;

INSERT INTO asset (namespace_id, space_id, asset_id, kind, fps, lens)
SELECT namespace_id, space_id, gen_random_uuid(), 'video', 30, 'pinhole'
FROM space, generate_series(1, 1000)
WHERE space_id = md5('testuser1')::uuid;

ANALYZE;

INSERT INTO node (namespace_id, space_id, node_id, path)
SELECT namespace_id, space_id, gen_random_uuid(), '/archive/day' || lpad(number::text, 4, '0')
FROM space, generate_series(0, 999) AS number
WHERE slug = 'project2';

RESET session_replication_role;
"""

FIRST = "00000000-0000-0000-0000-000000000000"
DEFAULTS = {
    "namespace": NAMESPACE,
    "subject": WRITER,
    "project": "project1",
    "kind": "video",
    "episode": "run-0042",
    "episode_id": None,
    "after_name": "",
    "after_id": FIRST,
    "after_unnamed_id": FIRST,
    "row_limit": 100,
}


class Plan:
    """What EXPLAIN (ANALYZE, BUFFERS) says of a statement."""

    def __init__(self, root: dict[str, Any]):
        self.nodes = list(_nodes(root))
        self.buffers = root["Shared Hit Blocks"] + root["Shared Read Blocks"]
        self.rows = root["Actual Rows"]

    @property
    def indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if "Index Name" in node}

    @property
    def types(self) -> set[str]:
        return {node["Node Type"] for node in self.nodes}

    @property
    def scanned(self) -> set[str]:
        """The tables that are read from end to end."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"}


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


class Planner:
    def __init__(self, connection: psycopg.Connection):
        self.connection = connection

    def plan(self, name: str, /, **values: object) -> Plan:
        """The generic plan of a file, run once, and undone."""
        parameters = Head(name).parameters
        statement = query(name).decode()
        for number, parameter in enumerate(parameters, 1):
            statement = statement.replace(f"%({parameter.name})s", f"${number}")
        types = ", ".join(TYPES.get(each.type, each.type) for each in parameters)
        given = {**{each.name: each.example for each in parameters}, **DEFAULTS, **values}
        arguments = sql.SQL(", ").join(sql.Literal(given[each.name]) for each in parameters)
        with self.connection.transaction(force_rollback=True):
            self.connection.execute(f"PREPARE file ({types}) AS {statement}".encode())
            explain = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE file ({})")
            try:
                row = self.connection.execute(explain.format(arguments)).fetchone()
            finally:
                self.connection.execute("DEALLOCATE file")
        assert row is not None
        return Plan(row[0][0]["Plan"])


@pytest.fixture(scope="session")
def planner(server: Server, template: str) -> Iterator[Planner]:
    with (
        server.database(template=template) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        add_namespace(connection)
        connection.execute(SEED.encode())
        connection.execute("VACUUM ANALYZE")
        connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute("SET jit = off")
        yield Planner(connection)
