"""The guarantees of deploy/pgbouncer.ini; tests/api and tests/roundtrips also run through it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from dreamlake_assets import deadlines
from dreamlake_assets.database.connection import _SESSION, connect
from tests.conftest import add_namespace, headers_of, settings_of
from tests.support.api import Answer, Api, serving
from tests.support.pgbouncer import PgBouncer, running_pgbouncer
from tests.support.postgres import Server
from tests.support.roles import SERVICE, as_role


@pytest.fixture(scope="module")
def pgbouncer(server: Server) -> Iterator[PgBouncer]:
    with running_pgbouncer(server.port) as pgbouncer:
        yield pgbouncer


def test_sessions_have_the_settings_of_the_role(pgbouncer: PgBouncer, database_url: str) -> None:
    """PgBouncer drops the settings that the service sends when it connects."""
    url = as_role(SERVICE, database_url)
    with (
        connect(url, as_service=True) as direct,
        psycopg.connect(pgbouncer.url(url), autocommit=True, options="-c jit=on") as pooled,
    ):
        for name in _SESSION:
            statement = "SELECT current_setting(%s)"
            expected = direct.execute(statement, [name]).fetchone()
            assert pooled.execute(statement, [name]).fetchone() == expected, name
        row = pooled.execute("SELECT current_setting('statement_timeout')").fetchone()
        assert row == (f"{deadlines.STATEMENT:g}s",)
        rows = direct.execute(
            "SELECT split_part(unnest(setconfig), '=', 1) FROM pg_db_role_setting"
            " WHERE setrole = current_user::regrole"
        ).fetchall()
        assert {name for (name,) in rows} == _SESSION.keys() | {"statement_timeout"}


def test_many_threads_share_few_connections(
    server: Server, database_url: str, connection: psycopg.Connection
) -> None:
    """A thread holds a connection for one statement or one pipeline, then another one uses it."""
    add_namespace(connection)
    with running_pgbouncer(
        server.port, {"default_pool_size = 20": "default_pool_size = 2"}
    ) as pgbouncer:
        settings = settings_of(as_role(SERVICE, database_url))
        with serving(pgbouncer.settings(replace(settings, threads=8))) as app:
            api = Api(app.test_client(), headers_of(settings))

            def register(number: int) -> Answer:
                mine = api.with_client_of_its_own()
                return mine.register(name=f"/folder{number // 4}/{number}.mp4")

            with ThreadPoolExecutor(8) as executor:
                answers = list(executor.map(register, range(200)))
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE usename = %s AND datname = current_database()",
                [SERVICE],
            ).fetchone()

            # For a failed request, the error code and Server-Timing show the reason.
            assert [
                (answer.text, answer.headers) for answer in answers if answer.status_code != 201
            ] == []
            assert len(api.names()) == 200
            assert row == (2,)
