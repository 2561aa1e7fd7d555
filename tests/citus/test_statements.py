"""Each statement for a Citus cluster goes to one shard, and its meaning is unchanged.

Citus itself does not run here. It sends a statement to one shard if every distributed table in it
is compared with the same constant (docs.citusdata.com, "Multi-tenant applications").
"""

import re
from collections import Counter

import psycopg
import pytest

from dreamlake_assets.database.heads import FILES
from dreamlake_assets.database.queries import query, query_of_tenant
from tests.citus.rules import CONSTANT, DISTRIBUTED, REFERENCE, Functions, broken, tables
from tests.support.postgres import Server


def sent(name: str) -> str:
    """A statement as a cluster gets it."""
    return query_of_tenant(name).decode()


#: Statements that run on all shards: one finds the namespace of an asset, the others are those of
#: `dreamlake-assets purge`. They join no two distributed tables but by the tenant.
ON_ALL_SHARDS = {"asset/count_by_bss_id", "asset/find_expired", "asset/find_namespace"}
BELOW_A_NAMESPACE = [
    name
    for name in FILES
    if name not in ON_ALL_SHARDS and {table for table, _ in tables(sent(name))} & {*DISTRIBUTED}
]
INSERTS = [name for name in BELOW_A_NAMESPACE if "INTO" in sent(name)]

IN_A_CTE = "INSERT … SELECT must not be in or read a CTE"

#: Broken rules that have a reason.
ALLOWED = {
    # One statement returns either the earlier asset of a key or the new one. The coordinator runs
    # its parts one after the other, each on the same shard.
    "asset/insert_once": {IN_A_CTE: "it returns rows of two kinds"},
}


@pytest.fixture(scope="module")
def functions(server: Server) -> Functions:
    with psycopg.connect(server.url()) as connection:
        rows = connection.execute(
            "SELECT array_agg(proname::text) FILTER (WHERE provolatile = 'v'),"
            " array_agg(proname::text) FILTER (WHERE provolatile = 's') FROM pg_proc"
        ).fetchone()
    assert rows
    return Functions(*map(frozenset, rows))


def test_the_statements_of_every_route_below_assets_are_among_them() -> None:
    routes = {name for name in FILES if name.startswith(("asset/", "episode/", "node/", "space/"))}
    assert {*BELOW_A_NAMESPACE, *ON_ALL_SHARDS} == routes


@pytest.mark.parametrize("name", BELOW_A_NAMESPACE)
def test_each_table_is_compared_with_the_same_constant(name: str) -> None:
    """In each place where the statement reads or changes it, under each alias."""
    statement = sent(name)
    read = re.sub(r"\bINTO\b", "into", statement)
    for (table, alias), reads in Counter(tables(read)).items():
        if table in DISTRIBUTED or (table, alias) == ("namespace_member", "namespace_member"):
            assert statement.count(f" {alias}.namespace_id = {CONSTANT}") >= reads, alias


@pytest.mark.parametrize("name", sorted(set(BELOW_A_NAMESPACE) - set(INSERTS)))
def test_nothing_but_comparisons_of_tenants_is_written_anew(name: str) -> None:
    one = rf"(\w+\.namespace_id) = {re.escape(CONSTANT)}"
    as_written = re.sub("IS NOT DISTINCT FROM", "=", query(name).decode())
    assert re.sub(f"{one} AND {one}", r"\1 = \2", sent(name)) == as_written
    assert not re.search(r"namespace_id = \w+\.", sent(name))


@pytest.mark.parametrize("name", sorted(set(INSERTS) - {"space/upsert"}))
def test_an_insert_begins_at_the_project(name: str) -> None:
    """Its membership is known on a cluster; nothing else is left out."""

    def lines(statement: bytes) -> Counter[str]:
        return Counter(line.strip() for line in statement.decode().splitlines())

    as_written, as_sent = lines(query(name)), lines(query_of_tenant(name))
    for line in as_sent - as_written:
        assert re.fullmatch(rf"FROM space|(ON|AND|WHERE) .*{re.escape(CONSTANT)}.*", line)
    project = ("INNER JOIN space", "AND space.slug = %(project)s::text")
    assert [line for line in as_written - as_sent if "namespace" not in line] == [*project]


def test_a_project_is_inserted_as_values() -> None:
    columns = "( namespace_id, space_id, slug )"
    values = "( %(namespace_id)s::uuid, %(space_id)s::uuid, %(project)s::text )"
    assert " ".join(sent("space/upsert").split()) == (
        f"/* space/upsert */ INSERT /* space/upsert */ INTO space {columns} VALUES {values}"
        " ON CONFLICT (namespace_id, slug) DO NOTHING"
    )


@pytest.mark.parametrize("name", sorted({*FILES} - {*BELOW_A_NAMESPACE, *ON_ALL_SHARDS}))
def test_statements_on_reference_tables_alone_may_go_anywhere(name: str) -> None:
    assert set(tables(sent(name))) <= {(table, table) for table in REFERENCE}


def test_no_statement_breaks_a_rule_of_citus(functions: Functions) -> None:
    found = {name: {*broken(sent(name), functions)} for name in FILES}
    assert {name: rules for name, rules in found.items() if rules} == {
        name: set(rules) for name, rules in ALLOWED.items()
    }


def inserted(
    rows: str, conflict: str = "ON CONFLICT (namespace_id, asset_id) DO NOTHING", alias: str = ""
) -> str:
    return f"INSERT INTO asset {alias}(namespace_id, asset_id)\n{rows}\n{conflict}"


FROM_SPACE = f"SELECT space.namespace_id, 1 FROM space WHERE space.namespace_id = {CONSTANT}"
CHANGED = """
    WITH place AS (
        SELECT namespace_member.role, asset.asset_id FROM namespace LEFT JOIN asset ON TRUE
    ), changed AS (
        UPDATE asset SET revision = asset.revision + 1, deleted_at = %s
        FROM place WHERE asset.asset_id = place.asset_id RETURNING asset.revision
    )
    SELECT place.role, CASE WHEN changed.revision = 1 THEN now() END, random()
    FROM place LEFT JOIN changed ON TRUE
"""


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (inserted(FROM_SPACE), None),
        (inserted(FROM_SPACE, "RETURNING made.asset_id", alias="AS made "), None),
        (
            inserted(
                "SELECT item.namespace_id, item.asset_id FROM (SELECT space.namespace_id,"
                " count(*) OVER () AS found FROM space CROSS JOIN"
                " jsonb_to_recordset(%(items)s::jsonb) AS item (asset_id uuid)) AS item"
            ),
            None,
        ),
        (CHANGED % "now()", None),
        (inserted(FROM_SPACE, "RETURNING asset_id"), "RETURNING needs ON CONFLICT"),
        (inserted(FROM_SPACE + " AND EXISTS (SELECT 1 FROM namespace)"), "a reference table"),
        (inserted(f"SELECT {CONSTANT}, 1 FROM space"), "from a distributed table"),
        (inserted("SELECT item.namespace_id, 1 FROM item"), "from a distributed table"),
        (inserted("VALUES (now(), 2)"), "must be a constant"),
        (inserted(f"VALUES ({CONSTANT}, (SELECT 2))"), "must not have a subquery"),
        (inserted(FROM_SPACE.replace("1", "gen_random_uuid()")), "volatile"),
        ("INSERT INTO asset (asset_id, namespace_id) " + FROM_SPACE, "the first column"),
        (f"WITH made AS ({inserted(FROM_SPACE)}) SELECT 1", IN_A_CTE),
        (inserted(f"WITH one AS (SELECT 1) {FROM_SPACE}"), IN_A_CTE),
        (CHANGED % "clock_timestamp()", "volatile"),
        (CHANGED % "coalesce(asset.deleted_at, now())", "immutable"),
        (CHANGED % "CASE WHEN %(live)s::bool THEN NULL ELSE now() END", "immutable"),
        (CHANGED % "COALESCE(CURRENT_TIMESTAMP)", "immutable"),
        ("UPDATE asset SET revision = 1, namespace_id = NULL", "must not change"),
        ("DELETE FROM asset WHERE random() < 0.5", "volatile"),
        ("SELECT 1 FROM asset FOR UPDATE", "locked"),
    ],
)
def test_the_rules_see_what_breaks_them(
    functions: Functions, statement: str, rule: str | None
) -> None:
    found = [*broken(statement, functions)]
    assert len(found) == (rule is not None), found
    assert rule is None or rule in found[0]
