"""Statements that change many assets: a few pages for each, in the order of their ids."""

import psycopg
import pytest

from tests.plans.conftest import Explain

MANY = 500


@pytest.mark.parametrize("verb", ["delete", "restore"])
def test_each_asset_is_found_by_its_id(
    plan: Explain, seeded: psycopg.Connection, verb: str
) -> None:
    row = seeded.execute(
        "SELECT array_agg(asset_id ORDER BY random())::text FROM (SELECT asset_id FROM asset"
        " INNER JOIN space USING (namespace_id, space_id) WHERE slug = 'robotics'"
        " AND namespace_id = (SELECT namespace_id FROM namespace WHERE slug = 'testuser')"
        " LIMIT %s) AS chosen",
        [MANY],
    ).fetchone()
    assert row
    ids = row[0]
    with seeded.transaction(force_rollback=True):
        if verb == "restore":
            seeded.execute(
                "UPDATE asset SET deleted_at = now() WHERE asset_id = ANY(%s::uuid[])", [ids]
            )
        found = plan(f"asset/{verb}_many", asset_ids=ids)
    assert (found.rows, found.written) == (MANY, MANY)
    # An asset and its lookup, and its entries in the indexes of live assets.
    assert found.buffers <= 60 * MANY
