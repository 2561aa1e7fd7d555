"""schemathesis against the document and the running service, with every check that it has."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import requests

from dreamlake_assets.model.kinds import KINDS
from tests.local.conftest import RunningStack

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).parent / "schemathesis"
SECONDS = 900


def test_it_finds_no_failure(stack: RunningStack, token: str) -> None:
    authorization = f"Authorization: Bearer {token}"
    # Its requests use the values of the examples, so register assets that match.
    for kind in KINDS.values():
        response = requests.post(
            f"{stack.url}/assets/{kind.name}",
            json={"namespace": "testuser", "project": "robotics", **kind.sample},
            headers=dict([authorization.split(": ")]),
            timeout=60,
        )
        assert response.status_code == 201

    run = subprocess.run(
        [
            *(PROGRAM, "--no-color", "run", f"{stack.url}/openapi.json"),
            *("--header", authorization, "--checks", "all", "--continue-on-failure"),
            *("--seed", "1", "--max-examples", "5"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr
    passed = re.search(r"(\d+) generated, (\d+) passed", run.stdout)
    assert passed is not None, run.stdout
    assert passed[1] == passed[2]
    assert int(passed[2]) > 1_500


def test_it_is_told_to_overlook_nothing() -> None:
    told = tomllib.loads((ROOT / "schemathesis.toml").read_text())

    assert told.keys() == {"hooks", "request-timeout", "cache"}
