"""Each statement for a Citus cluster goes to one shard, and its meaning is unchanged.

Citus itself does not run here. It sends a statement to one shard if every distributed table in it
is compared with the same constant (docs.citusdata.com, "Multi-tenant applications").
"""

import re
from collections import Counter

import pytest

from dreamlake_assets.database.heads import FILES
from dreamlake_assets.database.queries import query, query_of_tenant

DISTRIBUTED = ("space", "episode", "node", "asset")
REFERENCE = ("namespace", "namespace_member")

_READ = re.compile(rf"\b(?:FROM|JOIN) ({'|'.join(DISTRIBUTED + REFERENCE)})\b(?: AS (\w+))?")
_CONSTANT = "%(namespace_id)s::uuid"


def tables(name: str) -> list[tuple[str, str]]:
    """The tables that a statement reads, with their aliases."""
    return [(table, alias or table) for table, alias in _READ.findall(query(name).decode())]


BELOW_A_NAMESPACE = [
    name for name in FILES if {table for table, _ in tables(name)} & {*DISTRIBUTED}
]


def test_the_statements_of_every_route_below_assets_are_among_them() -> None:
    routes = {name for name in FILES if name.startswith(("asset/", "episode/", "node/", "space/"))}
    assert set(BELOW_A_NAMESPACE) == routes


@pytest.mark.parametrize("name", BELOW_A_NAMESPACE)
def test_each_table_is_compared_with_the_same_constant(name: str) -> None:
    """In each place where the statement reads it, under each alias."""
    statement = query_of_tenant(name).decode()
    for (table, alias), reads in Counter(tables(name)).items():
        if table in DISTRIBUTED or (table, alias) == ("namespace_member", "namespace_member"):
            assert statement.count(f" {alias}.namespace_id = {_CONSTANT}") >= reads, alias


@pytest.mark.parametrize("name", BELOW_A_NAMESPACE)
def test_nothing_but_comparisons_of_tenants_is_written_anew(name: str) -> None:
    statement = query_of_tenant(name).decode()
    one = rf"(\w+\.namespace_id) = {re.escape(_CONSTANT)}"
    as_written = re.sub("IS NOT DISTINCT FROM", "=", query(name).decode())
    assert re.sub(f"{one} AND {one}", r"\1 = \2", statement) == as_written
    assert not re.search(r"namespace_id = \w+\.", statement)


@pytest.mark.parametrize("name", sorted(set(FILES) - set(BELOW_A_NAMESPACE)))
def test_statements_on_reference_tables_alone_may_go_anywhere(name: str) -> None:
    assert set(tables(name)) <= {(table, table) for table in REFERENCE}


@pytest.mark.parametrize("name", FILES)
def test_what_a_cluster_refuses_is_avoided(name: str) -> None:
    statement = query(name).decode()
    # Citus locks rows on one shard only.
    assert not re.search(r"\bFOR (UPDATE|SHARE|NO KEY|KEY)\b", statement)
    # The distribution column of a row must not change.
    assert not re.search(r"\bSET\s+(?:\w+ = [^,]+,\s*)*namespace_id =", statement)
    # INSERT … VALUES takes no subqueries, INSERT … SELECT does.
    values = re.search(r"\bVALUES \((.*?)\n\)", statement, re.DOTALL)
    assert values is None or "SELECT" not in values[1]
    # INSERT … SELECT takes the distribution column from another distributed table.
    if insert := re.search(
        rf"INSERT INTO ({'|'.join(DISTRIBUTED)}) \((.*?)\)\s*SELECT", statement, re.DOTALL
    ):
        assert insert[2].split(",")[0].strip() == "namespace_id"
