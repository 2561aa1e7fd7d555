"""An empty database, and folders of migrations for tests."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dreamlake_assets.database import migrations
from tests.support.postgres import Server


class Folder:
    """A folder of migrations; the first one creates the table of applied migrations."""

    def __init__(self, path: Path):
        self.path = path
        shutil.copy(migrations.DIRECTORY / "0000_schema_migrations.sql", path)

    def write(self, name: str, script: str) -> None:
        (self.path / f"{name}.sql").write_text(script, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def empty_url(server: Server) -> Iterator[str]:
    with server.database() as url:
        yield url


@pytest.fixture
def empty_connection(empty_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(empty_url, autocommit=True) as connection:
        yield connection
