"""A worker of a Citus cluster reads no more for a statement than a single server."""

import psycopg
import pytest

from tests.citus.test_statements import BELOW_A_NAMESPACE
from tests.plans.conftest import Explain

#: Pages of one more descent in an index, and of dead versions of its row.
NOISE = 8


@pytest.mark.parametrize("name", BELOW_A_NAMESPACE)
def test_a_worker_reads_no_more_than_a_server_alone(
    plan: Explain, seeded: psycopg.Connection, name: str
) -> None:
    [(namespace_id,)] = seeded.execute(
        "SELECT namespace_id::text FROM namespace WHERE slug = 'testuser'"
    )
    alone = plan(name)
    with seeded.transaction(force_rollback=True):
        seeded.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        on_worker = plan(name, namespace_id=namespace_id)
    assert on_worker.scanned == alone.scanned
    # An insert of values returns nothing: the role is known on a cluster.
    assert on_worker.rows == (0 if name == "space/upsert" else alone.rows)
    assert on_worker.buffers <= alone.buffers + NOISE
