"""A service that starts on a new database keeps its plans until the tables are analysed."""

from collections.abc import Iterator

import pytest

from dreamlake_assets.database.connection import connect
from dreamlake_assets.database.heads import FILES, Head
from tests.conftest import add_namespace
from tests.plans.conftest import Explain, explain
from tests.support.postgres import Server

#: The statements that serve requests on one PostgreSQL. A Citus cluster keeps no plan.
SERVED = [
    name
    for name in FILES
    if (route := Head(name).words("Route")).startswith(
        tuple(f"{method} /assets" for method in ("GET", "POST", "PATCH", "DELETE"))
    )
    and "on a Citus cluster only" not in route
]


@pytest.fixture(scope="module")
def plan_when_empty(server: Server, template: str) -> Iterator[Explain]:
    with (
        server.database(template=template) as url,
        connect(url, as_service=True) as connection,
    ):
        yield explain(connection)


@pytest.mark.parametrize("name", SERVED)
def test_the_indexes_of_the_head_are_used(plan_when_empty: Explain, name: str) -> None:
    plan = plan_when_empty(name)
    assert plan.indexes == Head(name).indexes
    assert plan.scanned == set()


def test_no_table_is_read_whole_because_it_was_small(server: Server, template: str) -> None:
    """Plans that were made on a few analysed rows are kept until the tables are analysed again."""
    with (
        server.database(template=template) as url,
        connect(url, as_service=True) as connection,
    ):
        add_namespace(connection)
        connection.execute("VACUUM (ANALYZE)")
        plan_when_small = explain(connection)
        assert {name for name in SERVED if plan_when_small(name).scanned} == set()
