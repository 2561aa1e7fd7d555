"""A service that starts on an empty database keeps its plans until the tables are analysed."""

from collections.abc import Iterator

import psycopg
import pytest

from dreamlake_assets import db
from tests.plans.conftest import Explain, explain
from tests.support.heads import FILES, Head
from tests.support.postgres import Server

#: Those that the service runs for its clients.
SERVED = [
    name for name in FILES if Head(name).words("Route").startswith(("GET /assets", "POST /assets"))
]


@pytest.fixture(scope="module")
def plan_when_empty(server: Server, template: str) -> Iterator[Explain]:
    with (
        server.database(template=template) as url,
        psycopg.connect(db._conninfo(url, 5_000), autocommit=True) as connection,
    ):
        yield explain(connection)


@pytest.mark.parametrize("name", SERVED)
def test_the_indexes_of_the_head_are_used(plan_when_empty: Explain, name: str) -> None:
    plan = plan_when_empty(name)
    assert plan.indexes == Head(name).indexes
    assert plan.scanned == set()
