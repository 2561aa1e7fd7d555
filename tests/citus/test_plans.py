"""PostgreSQL's plans of the statements for a Citus cluster.

The coordinator uses this planner to find the comparisons of each table, and sends a statement to
one shard if all tables are compared with the same constant. Parameters are constants by then, so a
null among them can remove a comparison: a join on FALSE compares nothing, and Citus searches every
shard for the joined table (github.com/citusdata/citus, issue 2398).
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dreamlake_assets.database.connection import Connection, adapt_to_cluster, connect
from dreamlake_assets.database.explain import plan_of
from dreamlake_assets.database.heads import Head
from dreamlake_assets.database.queries import query_of_tenant
from dreamlake_assets.database.tenants import tenant
from tests.citus.rules import DISTRIBUTED
from tests.citus.test_statements import BELOW_A_NAMESPACE
from tests.conftest import NAMESPACE, WRITER, add_namespace
from tests.support.postgres import Server

_JOINED = re.compile(rf"\bJOIN ({'|'.join(DISTRIBUTED)})\b(?: AS (\w+))?")
_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter")


@pytest.fixture(scope="module")
def coordinator(server: Server, template: str) -> Iterator[Connection]:
    """A session of the service that treats its database as a cluster."""
    with server.database(template=template) as url, connect(url, as_service=True) as session:
        add_namespace(session)
        adapt_to_cluster(session, on_cluster=True)
        yield session


def scans(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The alias and the conditions of each distributed table that is read below a node."""
    if node.get("Relation Name") in DISTRIBUTED and node["Node Type"] != "ModifyTable":
        yield node["Alias"], " AND ".join(node[key] for key in _CONDITIONS if key in node)
    for child in node.get("Plans", ()):
        yield from scans(child)


def with_nulls(head: Head) -> Iterator[dict[str, str | None]]:
    """The examples of a head; then with each nullable one as null; then with all as null."""
    nullable = [each.name for each in head.parameters if each.nullable]
    for nulls in ([], *([name] for name in nullable), nullable):
        yield {**head.examples, **dict.fromkeys(nulls)}


@pytest.mark.parametrize("name", BELOW_A_NAMESPACE)
def test_each_table_is_compared_with_the_tenant_whatever_is_null(
    coordinator: Connection, name: str
) -> None:
    of_tenant = tenant(coordinator, namespace=NAMESPACE, subject=WRITER, writes=True)
    compared = f"(namespace_id = '{of_tenant['namespace_id']}'::uuid)"
    joined = {alias or table for table, alias in _JOINED.findall(query_of_tenant(name).decode())}
    for parameters in with_nulls(Head(name)):
        [[explained]] = plan_of(coordinator, name, {**parameters, **of_tenant}, "FORMAT JSON")
        found = list(scans(explained["Plan"]))
        assert [alias for alias, conditions in found if compared not in conditions] == []
        # A plan may omit a table that is excluded by WHERE FALSE, because no shard is read.
        assert joined <= {alias for alias, _ in found}, parameters
