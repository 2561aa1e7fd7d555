"""Statements of dreamlake-assets purge: they read the expired assets, and no others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.plans.conftest import Explain

PURGED = 1_000
KEPT = 20_000


@pytest.fixture
def deleted(seeded: psycopg.Connection) -> Iterator[dict[str, object]]:
    """The parameters of a run that purges 1,000 of 21,000 deleted assets of one namespace."""
    with seeded.transaction(force_rollback=True):
        seeded.execute(
            "UPDATE asset SET deleted_at = now() - make_interval(days => CASE WHEN number <= %s"
            " THEN 40 ELSE 20 END) FROM (SELECT namespace_id, asset_id, row_number() OVER ()"
            " AS number FROM asset LIMIT %s) AS chosen"
            " WHERE asset.namespace_id = chosen.namespace_id AND asset.asset_id = chosen.asset_id",
            [PURGED, PURGED + KEPT],
        )
        yield {"cutoff": datetime.now(UTC) - timedelta(days=30), "of_namespace": None}


def test_finding_reads_the_expired_assets_only(plan: Explain, deleted: dict[str, object]) -> None:
    found = plan("asset/find_expired", **deleted, row_limit=50_000)
    assert found.rows == PURGED
    assert "asset_by_deleted_at" in found.indexes
    assert not found.sorts
    # An asset, its namespace and its project.
    assert found.buffers <= 10 * PURGED

    page = plan("asset/find_expired", **deleted, row_limit=10)
    assert page.rows == 10
    assert page.buffers <= 100


def test_removing_reads_the_removed_assets_only(
    plan: Explain, seeded: psycopg.Connection, deleted: dict[str, object]
) -> None:
    rows = seeded.execute(
        "SELECT namespace_id::text, array_agg(asset_id)::text FROM asset WHERE deleted_at < %s"
        " GROUP BY namespace_id",
        [deleted["cutoff"]],
    ).fetchall()
    [(namespace_id, asset_ids)] = rows
    found = plan(
        "asset/purge", namespace_id=namespace_id, asset_ids=asset_ids, cutoff=deleted["cutoff"]
    )
    assert found.rows == PURGED
    assert found.buffers <= 10 * PURGED
