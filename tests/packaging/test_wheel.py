"""The wheel contains everything that the service needs: it runs without a checkout."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from dreamlake_assets.database import migrations
from dreamlake_assets.database.queries import SQL_DIRECTORY, query
from tests.conftest import SECRET
from tests.support.postgres import Server

CHECKOUT = Path(__file__).parents[2]
PACKAGE = CHECKOUT / "dreamlake_assets"

#: Prints the contents of the installed package and the status of some responses.
PROGRAM = """
import json
from pathlib import Path

import dreamlake_assets
from dreamlake_assets import create_app
from dreamlake_assets.database import migrations, queries

sql = queries.SQL_DIRECTORY
files = {str(path.relative_to(sql)) for path in sql.rglob("*.sql")}
statements = {
    name.removesuffix(".sql"): queries.query(name.removesuffix(".sql")).decode()
    for name in files
    if "/" in name and not name.startswith("migrations/")
}
app = create_app()
client = app.test_client()
print(json.dumps({
    "package": str(Path(dreamlake_assets.__file__).parent),
    "modules": sorted(
        str(path.relative_to(Path(dreamlake_assets.__file__).parent))
        for path in Path(dreamlake_assets.__file__).parent.rglob("*.py")
    ),
    "files": sorted(files),
    "statements": statements,
    "livez": client.get("/livez").status_code,
    "readyz": client.get("/readyz").status_code,
    "docs": client.get("/docs").status_code,
    "files of the page": client.get("/docs/page.js").status_code,
}))
app.extensions["dreamlake_assets"].close()
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and the dependencies of this one, but without the checkout.

    A path file adds the packages that are installed here. Python does not process path files
    among those packages, so the path file of an editable install does not add its checkout.
    """
    directory = tmp_path_factory.mktemp("wheel")
    source = directory / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, source / "dreamlake_assets", ignore=ignored)
    shutil.copytree(CHECKOUT / "sql", source / "sql")
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(CHECKOUT / name, source)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-deps", "--no-index"]
    run(*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", directory, source)
    shutil.rmtree(source)

    environment = directory / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    python = environment / "bin" / "python"
    run(*pip, "--python", python, "install", *offline, *directory.glob("*.whl"))
    site_packages = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    (Path(site_packages.strip()) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return environment


def run(*command: str | Path, cwd: Path | None = None, **variables: str) -> str:
    result = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_service_runs_from_the_wheel(environment: Path, server: Server, tmp_path: Path) -> None:
    with server.database() as url:
        settings = {"DATABASE_URL": url, "DREAMLAKE_JWT_SECRET": SECRET}
        command = environment / "bin" / "dreamlake-assets"
        applied = run(command, "migrate", cwd=tmp_path, **settings)
        assert applied.split()[1::2] == [*migrations.required().values()]
        python = environment / "bin" / "python"
        found = json.loads(run(python, "-c", PROGRAM, cwd=tmp_path, **settings))

    assert Path(found["package"]).is_relative_to(environment)
    assert found["livez"] == found["readyz"] == found["docs"] == found["files of the page"] == 200
    assert found["modules"] == sorted(
        str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")
    )
    assert found["files"] == sorted(
        str(path.relative_to(SQL_DIRECTORY)) for path in SQL_DIRECTORY.rglob("*.sql")
    )
    assert found["statements"] == {name: query(name).decode() for name in found["statements"]}
