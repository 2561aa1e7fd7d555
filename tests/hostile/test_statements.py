"""SQL comes from files, and values are sent separately: checked in the source and on the wire."""

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

#: Methods of psycopg and libpq that take a statement, and the number of arguments before it.
EXECUTING = {
    **dict.fromkeys(("execute", "executemany", "copy", "stream"), 0),
    **dict.fromkeys(("exec_", "exec_params", "send_query", "send_query_params"), 0),
    **dict.fromkeys(("prepare", "send_prepare"), 1),
}

#: Methods with the same names that take the name of a file, or no SQL.
OTHERS = {"services().database.stream", "request.prepare"}

EXPLAIN = (
    "f\"EXPLAIN ({('ANALYZE, BUFFERS, ' if run else '')}SETTINGS, {form}) EXECUTE explained"
    " {(f'({arguments})' if types else '')}\".encode()"
)

CONNECTION = "database/connection.py"
FILES = "database/files.py"
FLIGHTS = "database/flights.py"
EXPLAINING = "database/explain.py"
MIGRATIONS = "database/migrations.py"
STATEMENTS = "database/statements.py"

#: Executed expressions other than literals, by module, and the reason why each is allowed.
REASONS = {
    (CONNECTION, "query('cluster/find')"): "a file",
    (FILES, "statement: bytes"): "a file",
    (FLIGHTS, "compiled(statement)[0]"): "a file: see test_a_flight_consists_of_files",
    (STATEMENTS, "statement_of(name, parameters)"): "a file",
    (MIGRATIONS, "f\"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'\".encode()"): "a constant",
    (MIGRATIONS, "statement.encode()"): "a statement of a migration, which is a file",
    (
        EXPLAINING,
        "f'PREPARE explained {declared} AS {numbered(statement)}'.encode()",
    ): "a file of sql/ with the types of its head",
    (EXPLAINING, EXPLAIN): "psycopg makes the literals of its values",
}

#: Names that the reasons rely on, and how often their module assigns them, except by an import.
DEFINITIONS = {
    (CONNECTION, "query"): 0,
    (FLIGHTS, "compiled"): 0,
    (STATEMENTS, "fly"): 0,
    (STATEMENTS, "query"): 0,
    (STATEMENTS, "query_of_tenant"): 0,
    (STATEMENTS, "statement_of"): 1,
    (EXPLAINING, "statement_of"): 0,
    (EXPLAINING, "numbered"): 0,
    (MIGRATIONS, "LOCK_TIMEOUT"): 1,
}


def executed(source: str) -> Iterator[tuple[int, ast.AST]]:
    """Yield the statements that a module executes, each with its line.

    A name yields all values that the enclosing functions assign to it. If they bind it in another
    way than by a simple assignment, it yields the name.
    """
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in EXECUTING:
            continue
        call = parents[node]
        if ast.unparse(node) in OTHERS:
            continue
        before = EXECUTING[node.attr]
        if not isinstance(call, ast.Call) or call.func is not node or len(call.args) <= before:
            yield node.lineno, node
            continue
        statement = call.args[before]
        given = list(_given(statement, parents)) if isinstance(statement, ast.Name) else []
        for each in given or [statement]:
            yield node.lineno, each


def _given(name: ast.Name, parents: dict[ast.AST, ast.AST]) -> Iterator[ast.AST]:
    around: ast.AST | None = name
    while around := parents.get(around):
        if not isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for node in ast.walk(around):
            if isinstance(node, ast.arg) and node.arg == name.id:
                yield node
            elif (
                isinstance(node, ast.Name)
                and node.id == name.id
                and not isinstance(node.ctx, ast.Load)
            ):
                binding = parents[node]
                if isinstance(binding, ast.Assign) and binding.targets == [node]:
                    yield binding.value
                else:
                    yield node


def statements() -> Iterator[tuple[str, int, ast.AST]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        for line, statement in executed(path.read_text("utf-8")):
            yield str(path.relative_to(PACKAGE)), line, statement


def is_fixed(statement: ast.AST) -> bool:
    return isinstance(statement, ast.Constant)


def test_no_statement_is_put_together() -> None:
    everything = list(statements())
    found = [
        (file, line, ast.unparse(each)) for file, line, each in everything if not is_fixed(each)
    ]
    # Each version of Python formats f-strings differently.
    allowed = {(file, ast.unparse(ast.parse(text))) for file, text in REASONS}
    assert [each for each in found if (each[0], each[2]) not in allowed] == []
    assert len(everything) > len(found)
    assert {(file, text) for file, _, text in found} == allowed


@pytest.mark.parametrize(("file", "name"), DEFINITIONS)
def test_what_the_reasons_rely_on_is_what_they_mean(file: str, name: str) -> None:
    tree = ast.parse((PACKAGE / file).read_text("utf-8"))
    bindings = [
        node
        for node in ast.walk(tree)
        if name in (getattr(node, "arg", None), getattr(node, "asname", None))
        or (isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name)
        or (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load))
    ]
    assert len(bindings) == DEFINITIONS[file, name]


def test_a_statement_is_a_file_and_nothing_else() -> None:
    source = ast.parse((PACKAGE / STATEMENTS).read_text("utf-8"))
    [definition] = [
        node
        for node in source.body
        if isinstance(node, ast.FunctionDef) and node.name == "statement_of"
    ]
    [_docstring, body] = definition.body
    assert ast.unparse(body) == (
        "return query_of_tenant(name) if 'namespace_id' in parameters else query(name)"
    )


def test_a_flight_consists_of_files() -> None:
    calls = [
        (str(path.relative_to(PACKAGE)), ast.unparse(node.args[1]))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "fly"
    ]
    flight = "[(statement_of(name, parameters), parameters) for name, parameters in statements]"
    assert calls == [(STATEMENTS, flight)]


@pytest.mark.parametrize(
    "source",
    [
        "c.execute(f'SELECT {name}')",
        "c.execute('SELECT ' + name)",
        "c.execute('SELECT %s' % name)",
        "c.execute('SELECT {}'.format(name))",
        "c.execute(' '.join(parts))",
        "c.execute(statement)",
        "c.execute(statement.encode())",
        "c.execute(query=f'SELECT {name}')",
        "c.cursor().stream(f'SELECT {name}')",
        "cursor.stream(f'SELECT {name}')",
        "c.pgconn.exec_(statement)",
        "c.pgconn.send_prepare(b'', statement)",
        "run = c.execute",
        "list(map(c.execute, statements))",
        "def f(name):\n    statement = f'SELECT {name}'\n    c.execute(statement)",
        "def f(statement):\n    c.execute(statement)",
        "def f(statement):\n    statement = statement or 'SELECT 1'\n    c.execute(statement)",
        "def f(name):\n    s = 'SELECT 1'\n    s += f' WHERE {name}'\n    c.execute(s)",
        "def f(name):\n    s = 'SELECT 1'\n    s: str = f'SELECT {name}'\n    c.execute(s)",
        "def f(name):\n    s = 'SELECT 1'\n    s, t = f'SELECT {name}', 1\n    c.execute(s)",
        "def f(name):\n    s = 'SELECT 1'\n    if s := f'SELECT {name}':\n        c.execute(s)",
        "def f(name):\n    s = 'SELECT 1'\n    for s in [name]:\n        c.execute(s)",
    ],
)
def test_what_is_put_together_would_be_found(source: str) -> None:
    assert not all(is_fixed(statement) for _, statement in executed(source))


@pytest.mark.parametrize(
    "source",
    ["c.execute('SELECT 1')", "def f():\n    statement = 'SELECT 1'\n    c.execute(statement)"],
)
def test_what_is_fixed_is_not_found(source: str) -> None:
    ((_, statement),) = executed(source)
    assert is_fixed(statement)


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
