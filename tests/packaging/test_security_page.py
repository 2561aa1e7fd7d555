"""SECURITY.md: each test that it cites exists."""

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| ([A-Z].*) \| (.*) \|$", (CHECKOUT / "SECURITY.md").read_text(), re.MULTILINE
)


def names(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }


def test_there_are_promises() -> None:
    assert len(ROWS) > 10


@pytest.mark.parametrize(("promise", "tests"), ROWS)
def test_a_promise_is_shown(promise: str, tests: str) -> None:
    references = re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", tests)
    assert references
    for file, name in references:
        assert not name or name in names(CHECKOUT / file)
        assert any(each.startswith("test_") for each in names(CHECKOUT / file))
