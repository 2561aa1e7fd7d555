"""dreamlake-assets explain: the plan of each statement, on a database with a few rows."""

import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import Result
from flask.testing import FlaskClient

from dreamlake_assets.database.explain import line_of_cluster
from dreamlake_assets.database.heads import FILES
from tests.cli.test_commands import fails, run
from tests.conftest import add_namespace
from tests.support.api import Api, row_counts

LISTINGS = [name for name in FILES if name.startswith("asset/list_")]

#: The asset in the examples of the heads.
ASSET = {"name": "/camera/front/run01.mp4", "episodeName": "run-042"}


@pytest.fixture
def api(client: FlaskClient, headers: Callable[..., dict[str, str]]) -> Api:
    return Api(client, headers)


@pytest.fixture(params=["new", "analysed"])
def explained(
    request: pytest.FixtureRequest, api: Api, connection: psycopg.Connection, database_url: str
) -> str:
    """A database with one asset; only if it is analysed, PostgreSQL knows that it is small."""
    add_namespace(connection)
    assert api.register(**ASSET).status_code == 201
    if request.param == "analysed":
        connection.execute("VACUUM (ANALYZE)")
    return database_url


def lines(result: Result) -> dict[str, str]:
    return {line.split()[0]: line for line in result.stdout.splitlines()}


def test_a_line_for_each_file(explained: str) -> None:
    result = run("explain", DATABASE_URL=explained)
    assert result.exit_code == 0
    assert list(lines(result)) == FILES
    measured = re.compile(r"\S+ +\w.* \d+ rows +\d+ buffers +\d+\.\d\d ms")
    others = [name for name, line in lines(result).items() if not measured.fullmatch(line)]
    # A purge reads the whole table once: an index would be written by every registration.
    assert others == ["asset/count_by_bss_id"]


def test_every_listing_names_an_index(explained: str) -> None:
    found = lines(run("explain", *LISTINGS, DATABASE_URL=explained))
    assert len(LISTINGS) >= 8
    for name in LISTINGS:
        assert re.search(rf"{name} +(Bitmap Heap|Index) Scan asset_\w+ +1 rows", found[name])


def test_the_plan_of_one_is_that_of_the_services_sessions(explained: str) -> None:
    plan = run("explain", "asset/find_many", DATABASE_URL=explained).stdout
    assert "Index Scan Backward using asset_live_by_space_name_created_at on asset" in plan
    assert "Index Cond: ((space_id = space.space_id) AND" in plan
    assert re.search(r"\(name = \$\d\)", plan), "it is planned for one value"
    assert "plan_cache_mode = 'force_generic_plan'" in plan
    assert re.search(r"Buffers: shared hit=\d+", plan)


def test_parameters_differ_from_those_of_the_head(explained: str) -> None:
    def rows(params: str) -> str:
        result = run("explain", "asset/list_by_prefix", "--param", params, DATABASE_URL=explained)
        [found] = re.findall(r"on asset .*actual .*rows=(\d+)(?:\.00)? ", result.stdout)
        return found

    assert rows("project=robotics row_limit=null") == "1"
    assert rows("after_name='/camera/front/run01.mp4 '") == "0"
    assert rows(r"upper_name=/camera/front/run01.mp4\u0001") == "1"


def test_a_statement_is_named_by_the_path_of_its_file_too(explained: str) -> None:
    result = run("explain", "sql/asset/find_many.sql", DATABASE_URL=explained)
    assert "using asset_live_by_space_name_created_at on asset" in result.stdout


def test_of_several_each_takes_the_parameters_that_it_has(explained: str) -> None:
    names = ("asset/find_many", "asset/list_by_prefix", "namespace/list")
    params = ("--param", "subject=nobody row_limit=5")
    found = lines(run("explain", *names, *params, DATABASE_URL=explained))
    assert [re.findall(r"(\d) rows", found[name]) for name in names] == [["0"], ["0"], ["1"]]


def test_what_is_written_is_undone(explained: str, connection: psycopg.Connection) -> None:
    before = row_counts(connection)
    result = run("explain", DATABASE_URL=explained)
    assert re.search(r"namespace_member/delete .* 1 rows", result.stdout)
    assert row_counts(connection) == before


def test_on_a_cluster_nothing_is_written(explained: str, connection: psycopg.Connection) -> None:
    """EXPLAIN ANALYZE of a write can crash the coordinator of Citus 13.2."""
    with psycopg.connect(explained, autocommit=True) as superuser:
        superuser.execute("SET allow_system_table_mods = on")
        superuser.execute("CREATE TABLE pg_catalog.pg_dist_partition ()")
    result = run("explain", DATABASE_URL=explained)
    found = lines(result)
    assert (result.exit_code, list(found)) == (0, FILES)
    reads = "/(begin|count|find|keys|list|lock|stream|view)_?"
    written = {name for name in FILES if not re.search(reads, name)}
    assert {name for name in FILES if "not run, because it writes" in found[name]} == written
    measured = r"asset/find_many +0 tasks +Index Scan.* 2 rows +\d+\.\d+ ms"
    assert re.fullmatch(measured, found["asset/find_many"])
    plan = run("explain", "asset/insert_once", DATABASE_URL=explained).stdout
    assert "Insert on asset" in plan
    assert "actual" not in plan


def test_a_plan_of_citus_is_summarised() -> None:
    """The text that Citus 13 prints; its tests have more of them (multi_explain.out)."""
    plan = """Custom Scan (Citus Adaptive)  (cost=0.00..0.00 rows=0) (actual time=2 rows=7 loops=1)
  Task Count: 1
  Tasks Shown: All
  ->  Task
        Node: host=worker-1 port=5432 dbname=dreamlake
        ->  Nested Loop  (cost=0.4..9.0 rows=1 width=9) (actual time=0.1..0.2 rows=7 loops=1)
              ->  Index Scan using space_slug_key_102009 on space_102009 space  (cost=…)
              ->  Index Only Scan Backward using asset_pkey_102101 on asset_102101 asset  (cost=…)
            Execution Time: 0.31 ms
Execution Time: 2.60 ms"""
    access = "Index Only Scan Backward asset_pkey"
    assert line_of_cluster(plan, "asset") == f"  1 tasks  {access:44}      7 rows     2.60 ms"
    insert = "Custom Scan (Citus Adaptive)  (cost=…)\n  Task Count: 32\n"
    assert line_of_cluster(insert, "asset").split() == (
        [
            "32",
            "tasks",
            "Custom",
            "Scan",
            "(Citus",
            "Adaptive)",
            "not",
            "run,",
            "because",
            "it",
            "writes",
        ]
    )


def test_a_statement_that_may_not_be_run_is_said_so_and_the_others_are_explained(
    explained: str, connection: psycopg.Connection
) -> None:
    connection.execute("CREATE ROLE explainer LOGIN")
    connection.execute("GRANT SELECT ON namespace, namespace_member TO explainer")
    try:
        url = explained.replace("postgres@", "explainer@")
        result = run("explain", DATABASE_URL=url)
        found = lines(result)
        assert result.exit_code == 1
        assert list(found) == FILES
        assert "1 rows" in found["namespace/list"]
        assert found["asset/list_by_prefix"].endswith("permission denied for table space")
    finally:
        connection.execute("DROP OWNED BY explainer")
        connection.execute("DROP ROLE explainer")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("asset/nothing",),
            "sql/asset/nothing.sql does not exist; leave out the name to see all statements",
        ),
        (
            ("asset/insert", "migrations/0001_namespaces"),
            (
                "sql/migrations/0001_namespaces.sql does not exist;"
                " leave out the name to see all statements"
            ),
        ),
        (
            ("asset/insert", "space/upsert", "--param", "slug=x"),
            "none of these statements has a parameter 'slug'",
        ),
        (
            ("asset/list_by_project", "--param", "row_limit=x"),
            'invalid input syntax for type bigint: "x"',
        ),
        (
            ("namespace/list_by_subject", "--param", "slug=x"),
            "namespace/list_by_subject has no parameter 'slug'; its parameters: subject",
        ),
        (("asset/insert", "--param", "fps"), "'fps' is not of the form name=value"),
        (("asset/insert", "--param", "name='/a"), "name='/a: No closing quotation"),
    ],
)
def test_what_is_unknown(database_url: str, arguments: tuple[str, ...], message: str) -> None:
    fails(run("explain", *arguments, DATABASE_URL=database_url), message)


def test_without_a_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fails(
        run("explain"),
        "no database: set DATABASE_URL, or start the local stack with `make run`",
    )
