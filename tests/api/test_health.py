"""GET /livez and /readyz."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest

from dreamlake_assets import deadlines
from dreamlake_assets.config import Settings
from dreamlake_assets.local.processes import free_port
from tests.conftest import headers_of
from tests.support.api import Api, problem, serving
from tests.support.postgres import Server


@pytest.mark.every_way
@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_no_token_is_asked_for(api: Api, path: str) -> None:
    response = api.ask(path)

    assert (response.status_code, response.json) == (200, {"status": "ok"})


class TestDatabaseAway:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        url = f"postgresql://postgres@127.0.0.1:{free_port()}/nowhere"
        return replace(settings, database_url=url)

    def test_the_process_lives(self, api: Api) -> None:
        assert api.ask("/livez").status_code == 200

    @pytest.mark.every_way
    def test_it_is_not_ready(self, api: Api) -> None:
        begun = time.monotonic()

        response = api.ask("/readyz")

        assert time.monotonic() - begun < 5
        assert response.status_code == 503
        assert response.headers["Retry-After"].isdecimal()
        assert problem(response) == {
            "error": "The database is unavailable; try again soon.",
            "code": "database_unavailable",
        }

    @pytest.mark.every_way
    def test_requests_are_told_so(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(deadlines, "DATABASE", 0.5)
        requests = (
            lambda: api.with_client_of_its_own().register(),
            lambda: api.with_client_of_its_own().listing(),
            lambda: api.with_client_of_its_own().listing(limit=1),
            lambda: api.with_client_of_its_own().get("/auth/me"),
        )
        with ThreadPoolExecutor() as executor:
            responses = list(executor.map(lambda request: request(), requests))

        for response in responses:
            assert response.status_code == 503
            assert response.headers["Retry-After"].isdecimal()
            assert problem(response)["code"] == "database_unavailable"


BEHIND = {
    "error": "The schema of the database is behind this service; run dreamlake-assets migrate.",
    "code": "schema_behind",
}


def test_an_empty_database_is_behind(server: Server, settings: Settings) -> None:
    with (
        server.database() as empty,
        serving(replace(settings, database_url=empty)) as app,
    ):
        response = Api(app.test_client(), headers_of(settings)).ask("/readyz")

        assert response.status_code == 503
        assert response.headers["Retry-After"].isdecimal()
        assert problem(response) == BEHIND


class TestMigrated:
    """Tests that change the list of migrations, each in a database of its own."""

    @pytest.fixture
    def database_url(self, server: Server, template: str) -> Iterator[str]:
        with server.database(template=template) as url:
            yield url

    @pytest.mark.every_way
    def test_a_database_that_lacks_the_last_migration_is_behind(
        self, api: Api, connection: psycopg.Connection
    ) -> None:
        connection.execute(
            "DELETE FROM schema_migration"
            " WHERE version = (SELECT max(version) FROM schema_migration)"
        )

        assert problem(api.ask("/readyz")) == BEHIND

    def test_a_database_that_is_ahead_will_do(
        self, api: Api, connection: psycopg.Connection
    ) -> None:
        connection.execute("INSERT INTO schema_migration VALUES (9999, '9999_of_the_future', 'x')")

        assert api.ask("/readyz").status_code == 200
