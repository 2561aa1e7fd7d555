"""SIGHUP with files of SQL and settings that have changed, good and bad."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.faults.stage import ROOT, Service, running_database, running_service
from tests.faults.writers import writing
from tests.support.cluster import PostgresServer
from tests.support.waiting import until

FILE = "namespace/list_by_subject.sql"


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    with running_database() as database:
        yield database


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what serves, with a file of settings."""
    for name in ("dreamlake_assets", "sql"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("gunicorn.conf.py", "wsgi.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "settings").write_text("# none yet\n")
    return tmp_path


@pytest.fixture
def service(database: PostgresServer, project: Path) -> Iterator[Service]:
    with running_service(
        database.url, directory=project, DREAMLAKE_SETTINGS_FILE=str(project / "settings")
    ) as service:
        yield service


def reload(service: Service) -> None:
    """Have new workers made, and wait until the old ones are gone."""
    before = {worker.pid for worker in service.workers()}
    service.process.send_signal(signal.SIGHUP)
    until(lambda: not before & {worker.pid for worker in service.workers()}, 60)
    assert service.process.status() != psutil.STATUS_ZOMBIE


def test_a_changed_statement_is_taken_over_without_a_failed_request(
    service: Service, project: Path
) -> None:
    path = project / "sql" / FILE
    with writing(service.port, service.headers(), writers=4) as tally:
        assert service.body("/auth/me")["namespaces"] != []
        path.write_text(path.read_text().replace("WHERE ", "WHERE false AND "))
        reload(service)
        assert service.body("/auth/me")["namespaces"] == []
    assert tally.errors == {}
    assert tally.acknowledged != []


def test_a_changed_setting_is_taken_over_and_one_that_is_gone_is_forgotten(
    service: Service, project: Path
) -> None:
    assert service.ask("/auth/me").status == 200
    (project / "settings").write_text("# who tokens are for\nDREAMLAKE_JWT_AUDIENCE='others'\n")
    reload(service)
    assert service.ask("/auth/me").status == 401
    (project / "settings").write_text("")
    reload(service)
    assert service.ask("/auth/me").status == 200


@pytest.mark.parametrize(
    "content",
    [
        b"DREAMLAKE_JWT_SECRET=short\n",
        b"WEB_CONCURRENCY=0\n",
        b"DREAMLAKE_JWT_AUDIENCE=others\nDREAMLAKE_JWT_ISSUER: others\n",
        b"\xff\n",
        None,
    ],
)
def test_a_bad_setting_changes_nothing(
    service: Service, project: Path, content: bytes | None
) -> None:
    path = project / "settings"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    reload(service)
    assert service.ask("/auth/me").status == 200
    assert service.ask("/readyz").status == 200


def test_a_setting_that_is_gone_is_forgotten_after_a_bad_one(
    service: Service, project: Path
) -> None:
    path = project / "settings"
    path.write_text("DREAMLAKE_JWT_AUDIENCE=others\n")
    reload(service)
    path.write_text("WEB_CONCURRENCY=0\n")
    reload(service)
    assert service.ask("/auth/me").status == 401
    path.write_text("")
    reload(service)
    assert service.ask("/auth/me").status == 200


def test_a_schema_that_is_behind_changes_nothing(service: Service, project: Path) -> None:
    (project / "sql" / "migrations" / "9999_of_a_release_to_come.sql").write_text("SELECT 1;\n")
    reload(service)
    assert service.ask("/auth/me").status == 200
    assert service.ask("/livez").status == 200
