"""``gunicorn wsgi:app``: conditions that prevent its start, and those that do not."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
import requests

from dreamlake_assets.database import migrations
from dreamlake_assets.local.processes import free_port
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
GOOD = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "DREAMLAKE_JWT_SECRET": "a secret of the tests, which has enough bytes",
}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("DATABASE_URL", ""),
        ("DREAMLAKE_JWT_SECRET", "short"),
        ("DREAMLAKE_BSS_URL", "ftp://bss"),
        ("PORT", "0"),
        # gunicorn itself refuses a value that is not a number.
        ("WEB_CONCURRENCY", "0"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_line_that_names_it(
    setting: str, value: str
) -> None:
    assert setting in refusal(**{setting: value})


def test_a_line_of_the_settings_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "settings"
    path.write_text('DREAMLAKE_THREADS=2\nDREAMLAKE_JWT_AUDIENCE="assets\n')

    line = refusal(DREAMLAKE_SETTINGS_FILE=str(path))

    assert line.startswith(f"dreamlake_assets: DREAMLAKE_SETTINGS_FILE: line 2 of {path} ")
    assert '"assets' not in line


def test_a_schema_that_is_behind_stops_the_start_with_one_line(
    database_url: str, connection: psycopg.Connection
) -> None:
    version, name = max(migrations.required().items())
    connection.execute("DELETE FROM schema_migration WHERE version = %s", [version])

    assert refusal(DATABASE_URL=database_url) == (
        "dreamlake_assets: the database schema is behind this release;"
        f" run dreamlake-assets migrate to apply {name}"
    )


def test_a_schema_that_is_ahead_serves(database_url: str, connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO schema_migration VALUES (9999, '9999_later', 'x')")
    with started(DATABASE_URL=database_url) as (url, _):
        assert requests.get(f"{url}/readyz", timeout=30).status_code == 200


def test_a_database_that_is_away_does_not_stop_the_start() -> None:
    with started() as (url, _):
        answer = requests.get(f"{url}/readyz", timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


def test_a_reload_does_not_end_what_serves(
    database_url: str, connection: psycopg.Connection
) -> None:
    with started(DATABASE_URL=database_url) as (url, master):
        connection.execute("DELETE FROM schema_migration WHERE version > 0")
        reload(master)
        assert requests.get(f"{url}/livez", timeout=30).status_code == 200
        assert requests.get(f"{url}/readyz", timeout=30).json()["code"] == "schema_behind"


def test_a_bad_file_of_sql_stops_the_start_with_one_line(database_url: str, project: Path) -> None:
    file = project / "sql" / "asset" / "insert.sql"
    statement = file.read_text("utf-8")
    for mistake in ("INSERT INT", "INSERT INTO %(projct)s::text"):
        file.write_text(statement.replace("INSERT INTO", mistake), "utf-8")
        line = refusal(project, DATABASE_URL=database_url)
        assert line.startswith("dreamlake_assets: sql/asset/insert.sql")


def test_a_reload_reads_the_files_of_sql_anew(
    database_url: str, connection: psycopg.Connection, project: Path
) -> None:
    def shown() -> int:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE strpos(query, '/* anew */') > 0 AND pid <> pg_backend_pid()"
        ).fetchone()
        assert row is not None
        return row[0]

    with started(project, DATABASE_URL=database_url) as (url, master):
        file = project / "sql" / "server" / "find_writable.sql"
        statement = file.read_text("utf-8")
        file.write_text(statement.replace("AND has", "/* anew */ AND has"), "utf-8")
        assert requests.get(f"{url}/readyz", timeout=30).status_code == 200
        assert shown() == 0
        reload(master)
        assert requests.get(f"{url}/readyz", timeout=30).status_code == 200
        assert shown() == 1


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the served project."""
    for name in ("dreamlake_assets", "sql"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


COMMAND = [sys.executable, "-m", "gunicorn", "wsgi:app"]


def environment(settings: dict[str, str]) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**inherited, **GOOD, **settings}


def refusal(directory: Path = ROOT, /, **settings: str) -> str:
    """The single error line of a failed start."""
    start = subprocess.run(
        COMMAND,
        cwd=directory,
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert start.returncode == 1
    assert start.stdout == ""
    [line] = start.stderr.splitlines()
    return line


@contextmanager
def started(directory: Path = ROOT, **settings: str) -> Iterator[tuple[str, psutil.Process]]:
    """Start the service with one worker; yield its URL and its master process."""
    port = free_port()
    settings = {"PORT": f"{port}", "WEB_CONCURRENCY": "1", **settings}
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        COMMAND, cwd=directory, env=environment(settings), stderr=subprocess.DEVNULL
    ) as process:
        try:
            until(lambda: lives(url))
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()


def reload(master: psutil.Process) -> None:
    """Replace the workers by new ones, and wait until the old ones have ended."""
    before = set(master.children())
    master.send_signal(signal.SIGHUP)
    until(lambda: master.children() and not before & set(master.children()))


def lives(url: str) -> bool:
    try:
        return requests.get(f"{url}/livez", timeout=30).status_code == 200
    except requests.ConnectionError:
        return False
