"""``python -m tests.hostile`` sends and counts requests, and detects faults."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.invariants import fault

HEADERS = {"content-type": "application/json", "x-request-id": "r"}
GOOD = {"error": "A sentence.", "code": "malformed_json", "requestId": "r"}
INVALID = {**GOOD, "code": "invalid_request", "fields": {"name": ["Wrong."]}}
UNREACHABLE = {**GOOD, "code": "bss_unreachable"}


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, []), (201, {"id": "x"}), (400, GOOD), (400, INVALID), (502, UNREACHABLE)],
)
def test_nothing_is_wrong_with(status: int, body: object) -> None:
    assert fault(status, HEADERS, json.dumps(body).encode()) is None


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"content-type": "text/html", "x-request-id": "r"}, b"{}"),
        (200, {"content-type": "application/json"}, b"{}"),
        (200, HEADERS, b"{"),
        (204, HEADERS, b"{}"),
        (400, HEADERS, b"[]"),
        (400, HEADERS, json.dumps({"error": "x"}).encode()),
        (400, HEADERS, json.dumps({**GOOD, "trace": "x"}).encode()),
        (400, HEADERS, json.dumps({**GOOD, "error": ""}).encode()),
        (400, HEADERS, json.dumps({**GOOD, "code": "unheard_of"}).encode()),
        (404, HEADERS, json.dumps(GOOD).encode()),
        (400, HEADERS, json.dumps({**GOOD, "requestId": "another"}).encode()),
        (400, HEADERS, json.dumps({**INVALID, "fields": {}}).encode()),
        (400, HEADERS, json.dumps({**INVALID, "fields": {"name": "Wrong."}}).encode()),
        (400, HEADERS, json.dumps({**GOOD, "code": "invalid_request"}).encode()),
        (401, HEADERS, json.dumps({**GOOD, "code": "unauthenticated"}).encode()),
        (500, HEADERS, json.dumps({**GOOD, "code": "internal_error"}).encode()),
        (503, HEADERS, json.dumps({**GOOD, "code": "overloaded"}).encode()),
        (400, HEADERS, json.dumps({**GOOD, "error": "Traceback: x"}).encode()),
    ],
)
def test_it_sees_what_is_wrong(status: int, headers: dict[str, str], body: bytes) -> None:
    assert fault(status, headers, body) is not None


def test_a_short_run() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.hostile", "--requests", "400"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("400 requests in ")
    assert run.stdout.endswith(", 0 faults\n")
