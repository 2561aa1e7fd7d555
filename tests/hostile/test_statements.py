"""SQL comes from files, values travel beside it: in the source, and on the wire."""

import ast
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import SECRET, add_namespace, headers_of, settings_of
from tests.hostile.fuzzing import SUBJECTS, Fuzzer
from tests.hostile.invariants import strange_statements
from tests.support.api import Api, serving
from tests.support.tokens import token
from tests.support.wire import WireProxy

PACKAGE = Path(__file__).parents[2] / "dreamlake_assets"
EXECUTING = (".execute", ".executemany", ".copy", ".cursor().stream")

#: What reads a statement from a file.
FROM_FILES = {"query(name)", "_statement(name, parameters)"}

#: Statements that are neither a literal nor a file, as they begin, and why they may be.
REASONS = {
    "f\"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'\"": "a constant of the module",
    "statement.encode()": "a statement of a migration, which is a file",
    "f'PREPARE explained {declared} AS {statement}'": "a file of sql/ with the types of its head",
    'f"EXPLAIN (ANALYZE, BUFFERS, SETTINGS, {form})': "psycopg makes the literals of its values",
}


def executed(source: str) -> Iterator[tuple[int, ast.expr]]:
    """What the calls that execute something execute, each with the line it stands in.

    For a name it is what the function that the call stands in has given to the name.
    """
    tree = ast.parse(source)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(EXECUTING):
            statement = node.args[0]
            around = [each for each in functions if node in ast.walk(each)]
            given = [
                assignment.value
                for each in around
                for assignment in ast.walk(each)
                if isinstance(assignment, ast.Assign)
                and ast.unparse(assignment.targets[0]) == ast.unparse(statement)
            ]
            for each in given or [statement]:
                yield node.lineno, each


def statements() -> Iterator[tuple[str, ast.expr]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for line, statement in executed(path.read_text("utf-8")):
            yield f"{path.relative_to(PACKAGE)}:{line}", statement


def is_fixed(statement: ast.expr) -> bool:
    if isinstance(statement, ast.Call):
        return ast.unparse(statement) in FROM_FILES
    return isinstance(statement, ast.Constant)


def test_no_statement_is_put_together() -> None:
    found = {where: ast.unparse(each) for where, each in statements() if not is_fixed(each)}
    unknown = {where: text for where, text in found.items() if not text.startswith(tuple(REASONS))}
    assert unknown == {}
    assert len(list(statements())) > len(found)


def test_every_exception_is_needed() -> None:
    found = [ast.unparse(each) for _, each in statements() if not is_fixed(each)]
    for beginning in REASONS:
        assert any(text.startswith(beginning) for text in found), beginning


@pytest.mark.parametrize(
    "source",
    [
        "c.execute(f'SELECT {name}')",
        "c.execute('SELECT ' + name)",
        "c.execute('SELECT %s' % name)",
        "c.execute('SELECT {}'.format(name))",
        "c.execute(' '.join(parts))",
        "c.execute(statement)",
        "def f(name):\n    statement = f'SELECT {name}'\n    c.execute(statement)",
    ],
)
def test_what_is_put_together_would_be_found(source: str) -> None:
    ((_, statement),) = executed(source)
    assert not is_fixed(statement)


def test_on_the_wire_are_files_and_nothing_else(
    database_url: str, connection: psycopg.Connection
) -> None:
    add_namespace(connection)
    with WireProxy.before(database_url) as proxy:
        settings = settings_of(proxy.url(database_url))
        with serving(settings) as app:
            api = Api(app.test_client(), headers_of(settings))
            fuzzer = Fuzzer("wire", {each: token({"sub": each}, SECRET) for each in SUBJECTS})
            for _ in range(1_500):
                request = fuzzer.request()
                response = api.ask(
                    request.target, request.method, headers=request.headers, data=request.body
                )
                assert response.status_code < 500 or response.status_code == 502
        sent = set(proxy.total.statements)
    assert len(sent) > 10
    assert strange_statements(sent) == set()
    assert strange_statements([f"{min(sent)} "]) == set()
    assert strange_statements([min(sent).replace("$1", "'x'")]) != set()
