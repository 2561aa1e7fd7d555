"""A registration reads one row of each index on its path; an upsert writes only new rows."""

import json
import time

import psycopg
import pytest

from dreamlake_assets.model.ids import uuid7
from tests.plans.conftest import GROWING, Explain
from tests.support.heads import execute, prepare

TO_PROJECT = {"namespace_slug_key", "namespace_member_pkey", "space_slug_key"}
TO_EPISODE = TO_PROJECT | {"episode_name_key"}
NEW = "00000000-0000-0000-0000-00000000000f"

#: An existing path: the last one that a scan of everything would find.
PATH: dict[str, object] = {"episode": "run-9999", "folder": "/lidar/top"}


def test_a_path_is_looked_up_by_its_names(plan: Explain) -> None:
    insert = plan("asset/insert", **PATH)
    assert insert.indexes == TO_EPISODE | {"node_path_key", "asset_pkey"}
    assert insert.written == 1
    # A lookup is three or four pages; a new entry in an index may split pages.
    assert insert.buffers <= 80


def test_a_key_is_looked_up_first(plan: Explain, seeded: psycopg.Connection) -> None:
    first = plan("asset/insert_once", **PATH)
    assert first.indexes == TO_EPISODE | {"node_path_key", "asset_by_idempotency_key"}
    assert first.written == 1
    assert first.buffers <= 90

    with seeded.transaction(force_rollback=True):
        prepare(seeded, "asset/insert_once")
        seeded.execute(execute("asset/insert_once", PATH))
        seeded.execute("DEALLOCATE file")
        again = plan("asset/insert_once", **PATH)
    assert (again.rows, again.written) == (1, 0)
    assert again.buffers <= 20


#: A hundred existing places, in the project with 10,000 episodes, with 10 assets each.
PLACES = [
    {
        "episode": f"run-{1901 + number:04}",
        "folder": "/lidar/top",
        "items": [
            {"asset_id": str(uuid7()), "kind": "audio", "name": "/lidar/top/a", "tags": []}
            for _ in range(10)
        ],
    }
    for number in range(100)
]


def test_a_batch_looks_up_each_place_once(plan: Explain) -> None:
    one, many = (plan("asset/insert_many", places=json.dumps(PLACES[:n])) for n in (1, 100))
    for found in (one, many):
        assert found.indexes == TO_EPISODE | {
            "node_path_key",
            "asset_by_idempotency_key",
            "asset_pkey",
        }
        assert not found.types & {"Hash Join", "Merge Join", "Sort"}
    assert (one.written, many.written) == (10, 1000)
    # A place is two lookups of four pages; an asset has entries in eight indexes.
    assert many.buffers <= 100 * 8 + 1000 * 50


def test_a_batch_with_a_missing_place_inserts_nothing(plan: Explain) -> None:
    missing = {**PLACES[0], "folder": "/nowhere"}
    found = plan("asset/insert_many", places=json.dumps([*PLACES, missing]))
    assert found.written == 0
    assert found.buffers <= 101 * 10


def test_the_batch_of_a_key_is_found_by_it(plan: Explain) -> None:
    found = plan(
        "asset/find_batch",
        episodes=[place["episode"] for place in PLACES],
        folders=[place["folder"] for place in PLACES],
    )
    assert found.rows == 0
    # No asset has the key, so no place is looked up.
    assert found.buffers <= 15


@pytest.mark.parametrize("subject", ["test-001", "robot"])
def test_foreign_keys_are_checked_by_one_row_each(seeded: psycopg.Connection, subject: str) -> None:
    """EXPLAIN does not show these checks, but the server counts the rows they read.

    The subject "robot" is a member of 5,000 namespaces.
    """
    read = _rows_read_by(seeded, "asset/insert", {**PATH, "subject": subject})
    expected = {
        "namespace_slug_key": 1,
        "namespace_member_pkey": 1,
        "space_slug_key": 1,
        "episode_name_key": 1,
        "node_path_key": 1,
        # The foreign keys of the asset.
        "space_pkey": 1,
        "episode_pkey": 1,
        "node_pkey": 1,
    }
    assert read == expected


def _rows_read_by(
    connection: psycopg.Connection, name: str, values: dict[str, object]
) -> dict[str, int]:
    """The number of entries that a statement reads of each index, except the indexes of asset."""
    prepare(connection, name)
    statement = execute(name, values)
    with connection.transaction(force_rollback=True):
        connection.execute(statement)  # plans are made
    before = _entries_read(connection)
    with connection.transaction(force_rollback=True):
        connection.execute(statement)
    after = _entries_read(connection)
    connection.execute("DEALLOCATE file")
    return {index: after[index] - before[index] for index in after if after[index] > before[index]}


def _entries_read(connection: psycopg.Connection) -> dict[str, int]:
    connection.execute("SELECT pg_stat_force_next_flush()")
    time.sleep(0.01)
    rows = connection.execute(
        "SELECT indexrelname, idx_tup_read FROM pg_stat_user_indexes WHERE relname <> 'asset'"
    )
    return dict(rows.fetchall())


@pytest.mark.parametrize(
    ("name", "existing", "new", "indexes"),
    [
        ("space/upsert", {}, {"project": "new"}, TO_PROJECT),
        ("episode/upsert", {"episode": "run-9999"}, {"episode": "new"}, TO_EPISODE),
        (
            "node/upsert",
            {"episode": "run-9999", "parent": "/lidar", "path": "/lidar/top"},
            {"episode": "run-9999", "parent": "/lidar", "path": "/lidar/new"},
            TO_EPISODE | {"node_path_key"},
        ),
        ("episode/upsert_many", {"episodes": ["run-9999"]}, {"episodes": ["new"]}, TO_EPISODE),
        (
            "node/upsert_many",
            {"episodes": ["run-9999"], "parents": ["/lidar"], "folders": ["/lidar/top"]},
            {"episodes": ["run-9999"], "parents": ["/lidar"], "folders": ["/lidar/new"]},
            TO_EPISODE | {"node_path_key"},
        ),
    ],
)
def test_an_upsert_writes_only_what_is_new(
    plan: Explain,
    name: str,
    existing: dict[str, object],
    new: dict[str, object],
    indexes: set[str],
) -> None:
    again = plan(name, **existing)
    assert again.indexes == indexes
    assert not again.scanned & GROWING
    assert again.written == 0
    assert again.buffers <= 40
    first = plan(name, **new)
    assert first.written == 1
    assert first.buffers <= 60


def test_the_namespaces_of_a_subject(plan: Explain) -> None:
    found = plan("namespace/list_by_subject", subject="owner of tenant-4711")
    assert found.rows == 1
    assert found.indexes == {"namespace_member_by_subject", "namespace_pkey"}
    assert found.buffers <= 15


def test_a_membership(plan: Explain) -> None:
    for name in ("namespace_member/upsert", "namespace_member/delete"):
        changed = plan(name)
        assert changed.rows == 1
        assert not changed.scanned & GROWING
        assert {"namespace_slug_key", "namespace_member_pkey"} <= changed.indexes
        assert changed.buffers <= 60


def test_a_namespace_that_exists(plan: Explain) -> None:
    made = plan("namespace/insert", namespace_id=NEW)
    assert (made.rows, made.indexes) == (0, {"namespace_slug_key"})
    assert made.buffers <= 10
