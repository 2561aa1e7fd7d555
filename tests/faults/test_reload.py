"""SIGHUP with valid and invalid changes to SQL files and settings."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.conftest import NAMESPACE
from tests.faults.stage import REGISTRATION, ROOT, Service, running_database, running_service
from tests.faults.writers import writing
from tests.support.cluster import PostgresServer
from tests.support.waiting import until

FILE = "namespace/list_by_subject.sql"
LIST = f"/assets/video?namespace={NAMESPACE}&project=robotics"


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresServer]:
    with running_database() as database:
        yield database


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the files that the service needs, with a settings file."""
    for name in ("dreamlake_assets", "sql"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("gunicorn.conf.py", "wsgi.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "settings").write_text("# none yet\n")
    return tmp_path


@pytest.fixture
def service(database: PostgresServer, project: Path) -> Iterator[Service]:
    with running_service(
        database.url,
        directory=project,
        log=project / "service.log",
        DREAMLAKE_SETTINGS_FILE=str(project / "settings"),
    ) as service:
        yield service


def reload(service: Service) -> None:
    """Reload the service, and wait until the old workers have ended."""
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


def misnamed(path: Path) -> None:
    path.write_text(path.read_text().replace("%(project)s", "%(projct)s"))


def with_a_typo(path: Path) -> None:
    path.write_text(path.read_text().replace("INSERT INTO", "INSERT INT"))


def not_utf_8(path: Path) -> None:
    path.write_bytes(b"-- caf\xe9\n" + path.read_bytes())


def test_a_bad_file_of_sql_changes_nothing(service: Service, project: Path) -> None:
    sql = project / "sql"
    shutil.copytree(sql, project / "good")
    log = project / "service.log"
    for change in (misnamed, with_a_typo, not_utf_8, Path.unlink):
        change(sql / "asset" / "insert.sql")
        said = log.stat().st_size
        reload(service)

        [line] = [line for line in log.read_text()[said:].splitlines() if "stay in use" in line]
        assert "sql/asset/insert.sql" in line
        registered = requests.post(
            f"http://127.0.0.1:{service.port}/assets/video",
            json=REGISTRATION,
            headers=service.headers(),
            timeout=60,
        )
        assert registered.status_code == 201
        for path in ("/auth/me", "/readyz", LIST):
            assert service.ask(path).status == 200, line
        shutil.rmtree(sql)
        shutil.copytree(project / "good", sql)


def test_a_byte_order_mark_is_dropped(service: Service, project: Path) -> None:
    path = project / "sql" / FILE
    content = path.read_text().replace("WHERE ", "WHERE false AND ")
    path.write_text(content, encoding="utf-8-sig")
    reload(service)
    assert service.body("/auth/me")["namespaces"] == []


def test_what_a_file_holds_between_two_reloads_does_not_matter(
    service: Service, project: Path
) -> None:
    """This also applies to a worker that replaces another."""
    (project / "sql" / FILE).write_text("half of a f")
    for worker in service.workers():
        worker.kill()
    until(lambda: service.ask("/readyz").status == 200)
    assert service.ask("/auth/me").status == 200


def test_files_that_a_database_that_is_away_cannot_check_are_not_taken_over(
    database: PostgresServer, service: Service, project: Path
) -> None:
    path = project / "sql" / FILE
    path.write_text(path.read_text().replace("WHERE ", "WHERE false AND "))
    (project / "settings").write_text("DREAMLAKE_JWT_AUDIENCE=others\n")
    database.stop()
    try:
        reload(service)
    finally:
        database.start()

    # Settings are still applied: a new DATABASE_URL may restore the database.
    assert "sql/ has changed, but cannot be checked" in (project / "service.log").read_text()
    assert service.ask("/auth/me").status == 401
    (project / "settings").write_text("")
    reload(service)
    assert service.body("/auth/me")["namespaces"] == []


def test_a_schema_that_is_behind_changes_nothing(service: Service, project: Path) -> None:
    (project / "sql" / "migrations" / "9999_of_a_release_to_come.sql").write_text("SELECT 1;\n")
    reload(service)
    assert service.ask("/auth/me").status == 200
    assert service.ask("/readyz").status == 200
    assert "0001" not in (project / "service.log").read_text()
    assert "9999_of_a_release_to_come" in (project / "service.log").read_text()
