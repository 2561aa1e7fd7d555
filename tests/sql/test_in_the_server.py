"""The server shows the file of each statement, and the worker that sent it."""

import os
import re
from collections.abc import Iterator

import psycopg
import pytest

from dreamlake_assets.database.connection import connect
from dreamlake_assets.database.heads import FILES, Head
from dreamlake_assets.database.migrations import migrate
from dreamlake_assets.database.statements import one_flight
from dreamlake_assets.local.postgres import binaries, major_version
from tests.conftest import add_namespace, headers_of, settings_of
from tests.support.api import Api, serving
from tests.support.postgres import Server

#: The oldest supported version, if it is installed, and the newest.
VERSIONS = sorted({binaries(prefer_installed=True), binaries(prefer_installed=False)})

OPTIONS = (
    "-c shared_preload_libraries=pg_stat_statements -c logging_collector=on"
    " -c log_filename=all.log -c log_min_duration_statement=0 -c log_line_prefix=%a:"
)


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda path: f"{major_version(path)}")
def watched(request: pytest.FixtureRequest) -> Iterator[Server]:
    server = Server(request.param, options=OPTIONS)
    yield server
    server.stop()


@pytest.fixture
def url(watched: Server) -> Iterator[str]:
    with watched.database() as url:
        migrate(url)
        yield url


def test_pg_stat_statements_names_every_file(url: str) -> None:
    with connect(url) as connection:
        connection.execute("CREATE EXTENSION pg_stat_statements")
        for name in FILES:
            with connection.transaction(force_rollback=True):
                one_flight(connection, [(name, Head(name).examples)])
        found = "\n".join(
            query for (query,) in connection.execute("SELECT query FROM pg_stat_statements")
        )
    assert [name for name in FILES if f"/* {name} */" not in found] == []


def test_pg_stat_activity_and_the_log_name_the_file_and_the_worker(
    watched: Server, url: str
) -> None:
    worker = f"dreamlake_assets worker {os.getpid()}"
    settings = settings_of(url)
    with psycopg.connect(url, autocommit=True) as connection, serving(settings) as app:
        add_namespace(connection)
        api = Api(app.test_client(), headers_of(settings))
        assert api.register(name="/camera/run01.mp4").status_code == 201
        activity = connection.execute(
            "SELECT query FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s",
            [worker],
        ).fetchall()
        assert api.names() == ["/camera/run01.mp4"]
    assert any(query.startswith("/* asset/insert */\nINSERT ") for (query,) in activity)
    log = (watched.data_directory / "log" / "all.log").read_text()
    for name in ("space/upsert", "node/upsert", "asset/insert", "asset/list_by_project"):
        assert re.search(rf"^{worker}:LOG: .* /\* {name} \*/$", log, re.MULTILINE), name
