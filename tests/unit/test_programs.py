"""Every program that tests need is installed, and runs."""

import subprocess

import pytest

from tests.support import programs

OPTIONS = {"nginx": "-v", "pgbouncer": "--version", "postgres": "--version"}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_program_runs(name: str) -> None:
    command = [programs.program(name), OPTIONS[name]]
    done = subprocess.run(
        command, env=programs.environment(), capture_output=True, text=True, check=True
    )
    assert name in (done.stdout + done.stderr).lower()


def test_all_that_are_listed_are_found() -> None:
    for name in programs._files():
        assert programs.program(name).is_file()


def test_what_is_missing_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_files", lambda: {"no-such-program": "usr/bin/no-such-program"})
    with pytest.raises(FileNotFoundError, match="make test installs it"):
        programs.program("no-such-program")
