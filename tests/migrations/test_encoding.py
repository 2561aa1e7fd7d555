"""A database must be encoded in UTF8; otherwise ``?`` in a glob matches one byte of é."""

from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from dreamlake_assets.cli import main
from dreamlake_assets.database import files
from dreamlake_assets.database.connection import connect
from dreamlake_assets.errors import SchemaBehind
from tests.conftest import headers_of, settings_of
from tests.support.api import Api, problem, serving
from tests.support.postgres import Server

REFUSAL = (
    "The encoding of the database is {} and must be UTF8; create another database with ENCODING"
    " 'UTF8'."
)


@pytest.fixture(params=["SQL_ASCII", "LATIN1"])
def encoding(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def url(server: Server, encoding: str) -> Iterator[str]:
    with server.database(encoding=encoding) as url:
        yield url


@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--status"]])
def test_it_is_not_migrated(url: str, encoding: str, options: list[str]) -> None:
    result = CliRunner().invoke(main, ["migrate", *options], env={"DATABASE_URL": url})

    assert result.exit_code == 1
    assert result.output == f"Error: {REFUSAL.format(encoding)}\n"
    with connect(url) as connection:
        assert connection.execute("SELECT to_regclass('schema_migration')").fetchone() == (None,)


def test_the_service_does_not_start(url: str, encoding: str) -> None:
    """Any SchemaBehind prevents the start."""
    with pytest.raises(SchemaBehind) as refused:
        files.take_over(url)

    assert str(refused.value) == REFUSAL.format(encoding)


def test_a_service_that_started_before_the_database_is_not_ready(url: str, encoding: str) -> None:
    settings = settings_of(url)
    with serving(settings) as app:
        response = Api(app.test_client(), headers_of(settings)).ask("/readyz")

    assert response.status_code == 503
    assert problem(response) == {"error": REFUSAL.format(encoding), "code": "schema_behind"}
