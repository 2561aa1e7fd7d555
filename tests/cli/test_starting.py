"""``gunicorn wsgi:app`` with a setting that is missing or bad."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
        # What is no number at all, gunicorn refuses itself.
        ("WEB_CONCURRENCY", "0"),
    ],
)
def test_a_bad_setting_stops_the_start_with_one_line_that_names_it(
    setting: str, value: str
) -> None:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    start = subprocess.run(
        [sys.executable, "-m", "gunicorn", "wsgi:app"],
        cwd=ROOT,
        env={**inherited, **GOOD, setting: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert start.returncode == 1
    assert start.stdout == ""
    [line] = start.stderr.splitlines()
    assert setting in line
