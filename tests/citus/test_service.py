"""The service in its mode for a Citus cluster, on plain PostgreSQL.

A statement for a cluster also runs on PostgreSQL, so these tests cover everything but Citus: the
contract, the roundtrips, and that a path is created in one transaction.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from dreamlake_assets import store
from dreamlake_assets.database import explain
from dreamlake_assets.database.connection import Connection, connect
from dreamlake_assets.database.pool import Database
from dreamlake_assets.database.sqlstates import translated
from dreamlake_assets.database.statements import fetch_one, one_flight
from dreamlake_assets.database.tenants import tenant
from dreamlake_assets.errors import InvalidRequest
from dreamlake_assets.model.ids import uuid7
from tests.conftest import READER, STRANGER, WRITER, add_namespace, headers_of, settings_of
from tests.support.api import Answer, Api, problem, row_counts, serving
from tests.support.postgres import Server
from tests.support.wire import WireProxy

ROOT = Path(__file__).parents[2]
EPISODE = "run-042"


@pytest.fixture
def api(proxy: WireProxy, database_url: str, connection: psycopg.Connection) -> Iterator[Api]:
    add_namespace(connection)
    settings = replace(settings_of(proxy.url(database_url)), on_cluster=True, threads=1)
    with serving(settings) as app:
        app.extensions["dreamlake_assets"].database.wait()
        yield Api(app.test_client(), headers_of(settings))


def test_the_contract_holds() -> None:
    """The marked tests of tests/api also pass on a database that is treated as a cluster."""
    names = ("downloading", "filters", "getting_one", "idempotency", "listing", "registering")
    tests = [f"tests/api/test_{name}.py" for name in (*names, "batches", "unusual_names")]
    options = ["-q", "-p", "no:cacheprovider", "-m", "every_way and not proxied"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        env={**os.environ, "DREAMLAKE_TEST_CITUS": "on"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4_000:]


def test_each_request_takes_one_roundtrip_more(api: Api, proxy: WireProxy) -> None:
    def register(folder: str) -> Answer:
        return api.register(name=f"{folder}/b/c.mp4", episodeName=EPISODE, bssVideoId="v")

    def roundtrips(request: Callable[[], Answer], status: int) -> int:
        with proxy.count() as counted:
            answer = request()
            assert answer.status_code == status
            assert answer.get_data()
        return counted.roundtrips

    requests: list[tuple[Callable[[], Answer], int, int]] = [
        (lambda: register("/a"), 201, 2),
        (lambda: api.listing(limit="10"), 200, 2),
        (lambda: api.listing(limit="10", glob="/*/b/c*"), 200, 2),
        (api.listing, 200, 2),
        (lambda: api.download(path="/a/b/c.mp4"), 502, 2),
    ]
    for request, status, _ in requests:
        # The first use of a statement on a connection prepares it.
        roundtrips(request, status)
    for request, status, expected in requests:
        assert roundtrips(request, status) == expected
    assert roundtrips(lambda: register("/new"), 201) == 3


def test_an_asset_is_looked_for_in_all_namespaces(
    api: Api, proxy: WireProxy, connection: psycopg.Connection
) -> None:
    location = api.register(name="/a/b/c.mp4").headers["Location"]

    def roundtrips(subject: str = WRITER, status: int = 200) -> int:
        with proxy.count() as counted:
            answer = api.get(location, subject=subject)
            assert answer.status_code == status
            assert status != 200 or answer.json["name"] == "/a/b/c.mp4"
        return counted.roundtrips

    for number in range(3):
        other = f"other-{number}"
        store.namespace.create(connection, namespace=other)
        for subject in (STRANGER, READER) if number else (STRANGER,):
            store.namespace.add_member(connection, namespace=other, subject=subject, role="reader")
    for subject in (WRITER, READER):
        api.get(location, subject=subject)  # prepares the statements
    assert roundtrips(WRITER) == 2
    assert roundtrips(READER) == 3, "a member of three namespaces"
    assert roundtrips(STRANGER, 404) == 2, "a member of others only"
    assert roundtrips("nobody", 404) == 1


def test_a_lost_worker_is_a_lost_connection(connection: psycopg.Connection) -> None:
    lost = "failure on connection marked as essential: worker-1:5432"
    for message, code in ((lost, "database_unavailable"), ("something else", "internal_error")):
        with pytest.raises(psycopg.Error) as raised:
            connection.execute(
                f"DO $$ BEGIN RAISE '{message}' USING ERRCODE = 'XX000'; END $$".encode()
            )
        assert translated(raised.value).code == code


def test_the_role_is_checked_before_the_statement(api: Api, proxy: WireProxy) -> None:
    """Statements that insert rows do not check it on a cluster."""
    requests: list[tuple[Callable[[], Answer], str]] = [
        (lambda: api.register(namespace="nothing"), "namespace_not_found"),
        (lambda: api.listing(namespace="nothing"), "namespace_not_found"),
        (lambda: api.register(subject=STRANGER), "namespace_not_found"),
        (lambda: api.register(subject=READER), "forbidden"),
        (lambda: api.register(subject=READER, idempotency_key="a-key"), "forbidden"),
    ]
    for request, _ in requests:
        request()  # prepares the statement
    for request, code in requests:
        with proxy.count() as counted:
            assert problem(request())["code"] == code
        assert counted.roundtrips == 1


def test_a_path_is_made_as_a_whole_or_not_at_all(
    server: Server, database_url: str, connection: psycopg.Connection
) -> None:
    add_namespace(connection)
    before = row_counts(connection)
    logging = f"{database_url}?options=-c%20log_statement%3Dall"
    database = Database(logging, connections=1, streams=1, on_cluster=True)
    database.open()

    def make(connection: Connection, folder: str) -> None:
        here = {
            **tenant(connection, namespace="testuser", subject=WRITER, writes=True),
            "namespace": "testuser",
            "subject": WRITER,
            "project": "robotics",
            "episode": None,
        }
        node = {**here, "parent": None, "path": folder, "node_id": str(uuid7())}
        statements = [("space/upsert", {**here, "space_id": str(uuid7())}), ("node/upsert", node)]
        one_flight(connection, statements)

    try:
        with pytest.raises(InvalidRequest):
            database.run(make, folder="no slash")
        assert row_counts(connection) == before
        database.run(make, folder="/folder")
        assert row_counts(connection) == {**before, "space": 1, "node": 1}
        # Without BEGIN and COMMIT, Citus commits each statement on its worker.
        sent = re.findall(r"LOG:  execute .*?: (BEGIN|COMMIT|/\* \S+ \*/)", server.log())
        assert sent[-4:] == ["BEGIN", "/* space/upsert */", "/* node/upsert */", "COMMIT"]
    finally:
        database.close()


def test_statements_are_planned_with_their_parameters(database_url: str) -> None:
    for on_cluster, mode in ((True, "force_custom_plan"), (None, "force_generic_plan")):
        database = Database(database_url, connections=1, streams=1, on_cluster=on_cluster)
        database.open()
        try:
            shown = database.run(lambda c: c.execute("SHOW plan_cache_mode").fetchone())
            assert shown == (mode,)
        finally:
            database.close()


def test_a_cluster_is_recognised_by_its_catalog(
    database_url: str, connection: psycopg.Connection
) -> None:
    with connect(database_url) as asked:
        assert fetch_one(asked, "cluster/find", {}) == (False,)


def test_a_statement_is_explained_as_a_cluster_gets_it(
    database_url: str, connection: psycopg.Connection
) -> None:
    add_namespace(connection)
    with connect(database_url, as_service=True) as session:
        session.on_cluster = True
        plan = explain.text(session, "asset/list_by_prefix", {})
    assert "Index Cond: ((namespace_id = $" in plan
