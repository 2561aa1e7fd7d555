"""What PostgreSQL's planner makes of the statements for a Citus cluster.

The coordinator asks this planner what each table is compared with, and sends a statement to one
shard where that is the same constant for all of them. Parameters are constants by then, so a null
among them can take a comparison away: a join on FALSE compares nothing, and the table that is
joined is looked for in every shard (github.com/citusdata/citus, issue 2398).
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from dreamlake_assets.database.connection import Connection, adapt_to_cluster, connect
from dreamlake_assets.database.explain import plan_of
from dreamlake_assets.database.heads import Head
from dreamlake_assets.database.queries import query
from dreamlake_assets.database.tenants import tenant
from tests.citus.test_statements import BELOW_A_NAMESPACE, DISTRIBUTED
from tests.conftest import NAMESPACE, add_namespace
from tests.support.postgres import Server

_JOINED = re.compile(rf"\bJOIN ({'|'.join(DISTRIBUTED)})\b(?: AS (\w+))?")
_CONDITIONS = ("Index Cond", "Recheck Cond", "Filter")


@pytest.fixture(scope="module")
def coordinator(server: Server, template: str) -> Iterator[Connection]:
    """A session of the service, which takes its database for a cluster."""
    with server.database(template=template) as url, connect(url, as_service=True) as session:
        add_namespace(session)
        adapt_to_cluster(session, on_cluster=True)
        yield session


def scans(node: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What each distributed table that is read below a node is called and compared with."""
    if node.get("Relation Name") in DISTRIBUTED and node["Node Type"] != "ModifyTable":
        yield node["Alias"], " AND ".join(node[key] for key in _CONDITIONS if key in node)
    for child in node.get("Plans", ()):
        yield from scans(child)


def with_nulls(head: Head) -> Iterator[dict[str, str | None]]:
    """The examples of a head, then with each that may be null as null, then with all of those."""
    nullable = [each.name for each in head.parameters if each.nullable]
    for nulls in ([], *([name] for name in nullable), nullable):
        yield {**head.examples, **dict.fromkeys(nulls)}


@pytest.mark.parametrize("name", BELOW_A_NAMESPACE)
def test_each_table_is_compared_with_the_tenant_whatever_is_null(
    coordinator: Connection, name: str
) -> None:
    of_tenant = tenant(coordinator, NAMESPACE)
    compared = f"(namespace_id = '{of_tenant['namespace_id']}'::uuid)"
    joined = {alias or table for table, alias in _JOINED.findall(query(name).decode())}
    for parameters in with_nulls(Head(name)):
        [[explained]] = plan_of(coordinator, name, {**parameters, **of_tenant}, "FORMAT JSON")
        found = list(scans(explained["Plan"]))
        assert [alias for alias, conditions in found if compared not in conditions] == []
        # What a WHERE on FALSE leaves out is in no shard, and may be left out.
        assert joined <= {alias for alias, _ in found}, parameters
