"""The direction of imports: each layer knows only the layers below it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "dreamlake_assets"

#: From the top down. A module imports from lower layers, and from its own package.
LAYERS = [
    ["app", "cli"],
    ["local", "cli_parameters"],
    ["routes"],
    ["services", "schemas"],
    ["serving", "store", "auth", "bss"],
    ["issuer_keys", "database"],
    ["model", "places", "settings_file", "transport"],
    ["config"],
    ["errors", "trace", "turns", "deadlines", "limits", "setting_parsers"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}

#: Imports that the layers would allow, but that are forbidden.
NEVER = {("schemas", "serving"), ("schemas", "store"), ("app", "local")}

#: The only places that import a library.
OWNERS = {
    "psycopg": {"database"},
    "psycopg_pool": {"database"},
    "requests": {"local", "documentation"},
    "urllib3": {"bss", "transport", "documentation"},
    "jwt": {"auth", "issuer_keys"},
    "gunicorn": {"serving"},
    "marshmallow": {"model", "schemas", "routes"},
    "flask": {"app", "routes", "services", "local"},
    "click": {"cli", "cli_parameters", "local"},
}


def imports() -> Iterator[tuple[str, str, str]]:
    """Yield the importing part, the full name of the import, and its location."""
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE)
        part = place.parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=names):
                    found = [each.name for each in names]
                case ast.ImportFrom(module=str(module), names=names):
                    found = [f"{module}.{each.name}" for each in names]
                case _:
                    continue
            for name in found:
                yield part, name, f"{place}:{node.lineno} imports {name}"


def test_imports_go_one_way() -> None:
    upward = []
    for part, name, where in imports():
        if part == "__init__" or not name.startswith("dreamlake_assets."):
            continue
        other = name.split(".")[1]
        if other in ("__version__", "create_app") or other == part:
            continue
        if LEVEL[other] <= LEVEL[part] or (part, other) in NEVER:
            upward.append(where)
    assert upward == []


def test_every_part_has_a_place() -> None:
    parts = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}
    assert set(LEVEL) == parts - {"__init__", "__pycache__", "documentation"}


def test_a_library_is_imported_in_one_place() -> None:
    libraries = {name.partition(".")[0] for _, name, _ in imports()}
    assert set(OWNERS) <= libraries
    assert [
        where
        for part, name, where in imports()
        if part not in OWNERS.get(name.partition(".")[0], {part})
    ] == []


def test_no_module_is_long() -> None:
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text("utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }
    assert [name for name, lines in lengths.items() if lines > 400] == ["model/globs.py"]


@pytest.mark.parametrize(
    ("program", "libraries"),
    [
        (
            "import dreamlake_assets.model.globs, dreamlake_assets.model.names",
            "flask psycopg click",
        ),
        ("import dreamlake_assets.config, dreamlake_assets.errors", "flask psycopg jwt requests"),
        (
            "import dreamlake_assets.cli; dreamlake_assets.cli.main(['token', 'alice'])",
            "flask boto3 moto requests gunicorn",
        ),
    ],
)
def test_importing_little_loads_little(program: str, libraries: str) -> None:
    report = f"import sys; print(*({set(libraries.split())!r} & sys.modules.keys()))"
    program = f"import atexit; atexit.register(lambda: exec({report!r}))\n{program}"
    environment = {"DREAMLAKE_JWT_SECRET": "a secret of the tests, which has enough bytes"}
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines()[-1] == ""
