"""No fault of the service is mistaken for the error that asset/insert_once raises on purpose."""

import re

import psycopg
import pytest

from dreamlake_assets.database.heads import FILES
from dreamlake_assets.database.queries import query
from tests.conftest import NAMESPACE, add_namespace, headers_of, settings_of
from tests.support.api import PROJECT, row_counts, serving

BODY = {"namespace": NAMESPACE, "project": PROJECT, "name": "/camera/front/run01.mp4"}


def test_no_other_statement_divides() -> None:
    """The SQLSTATE alone identifies the error: Citus passes on no table and no column."""
    dividing = re.compile(r" / |%%|\b(?:div|mod)\(")
    assert [name for name in FILES if dividing.search(query(name).decode())] == [
        "asset/insert_once"
    ]


@pytest.mark.parametrize("key", [None, "key"])
def test_a_value_that_the_service_leaves_out_is_a_fault_of_the_service(
    database_url: str, caplog: pytest.LogCaptureFixture, key: str | None
) -> None:
    """A NOT NULL violation is a 500, and the log names the column."""
    settings = settings_of(database_url)
    headers = headers_of(settings)() | ({"Idempotency-Key": key} if key else {})
    with psycopg.connect(database_url, autocommit=True) as connection, serving(settings) as app:
        add_namespace(connection)
        connection.execute("ALTER TABLE asset ADD COLUMN left_out int NOT NULL")
        before = row_counts(connection)
        answer = app.test_client().post("/assets/video", json=BODY, headers=headers)
        assert row_counts(connection) == before
    assert answer.status_code == 500
    assert answer.get_json()["code"] == "internal_error"
    [failed] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert failed.getMessage() == f"request {answer.headers['X-Request-Id']} failed"
    assert 'null value in column "left_out"' in caplog.text
