"""Migrations 0005 and 0006, on a database with existing assets."""

import shutil

import psycopg
import pytest

from dreamlake_assets.database import migrations
from dreamlake_assets.database.migrations import migrate
from tests.migrations.conftest import Folder

#: An asset of each of the four kinds, with its namespace and project.
ASSETS = """
    INSERT INTO namespace (namespace_id, slug) VALUES (gen_random_uuid(), 'testuser');
    INSERT INTO space (namespace_id, space_id, slug)
    SELECT namespace_id, gen_random_uuid(), 'robotics' FROM namespace;
    INSERT INTO asset (namespace_id, space_id, asset_id, kind, fps, lens, channels, format)
    SELECT namespace_id, space_id, gen_random_uuid(), kind, fps, lens, channels, format
    FROM space
    CROSS JOIN (
        VALUES
        ('video', 30, 'pinhole', NULL, NULL),
        ('audio', NULL, NULL, 2, NULL),
        ('label-track', NULL, NULL, NULL, NULL),
        ('text-track', NULL, NULL, NULL, 'vtt')
    ) AS made (kind, fps, lens, channels, format)
"""
INSERT = """
    INSERT INTO asset (namespace_id, space_id, asset_id, kind, fps, lens, width, height)
    SELECT namespace_id, space_id, gen_random_uuid(), %s, %s, %s, %s, %s FROM space
"""


@pytest.fixture
def connection(
    empty_url: str, empty_connection: psycopg.Connection, folder: Folder
) -> psycopg.Connection:
    """A connection to a database with assets from before the kind "image"."""
    for path in migrations.DIRECTORY.glob("000[1-4]_*.sql"):
        shutil.copy(path, folder.path)
    migrate(empty_url, directory=folder.path)
    empty_connection.execute(ASSETS)
    migrate(empty_url)
    return empty_connection


def test_assets_stay_and_every_constraint_was_checked(connection: psycopg.Connection) -> None:
    rows = connection.execute("SELECT kind, width, height FROM asset ORDER BY kind").fetchall()
    kinds = ["audio", "label-track", "text-track", "video"]
    assert rows == [(kind, None, None) for kind in kinds]
    assert (
        connection.execute("SELECT conname FROM pg_constraint WHERE NOT convalidated").fetchall()
        == []
    )


@pytest.mark.parametrize("size", [(1920, 1080), (1, None), (None, None)])
def test_images_may_have_a_size(
    connection: psycopg.Connection, size: tuple[int | None, int | None]
) -> None:
    connection.execute(INSERT, ["image", None, None, *size])

    assert connection.execute("SELECT width, height FROM image").fetchall() == [size]


@pytest.mark.parametrize(
    ("row", "constraint"),
    [
        (("image", 30, None, None, None), "asset_has_the_fields_of_its_kind"),
        (("image", None, "pinhole", None, None), "asset_has_the_fields_of_its_kind"),
        (("video", 30, "pinhole", 1920, None), "asset_has_the_fields_of_its_kind"),
        (("audio", None, None, None, 1080), "asset_has_the_fields_of_its_kind"),
        (("label-track", None, None, 1920, None), "asset_has_the_fields_of_its_kind"),
        (("text-track", None, None, 1920, 1080), "asset_has_the_fields_of_its_kind"),
        (("picture", None, None, None, None), "asset_has_the_fields_of_its_kind"),
        (("image", None, None, 0, 1080), "asset_width_is_1_or_more"),
        (("image", None, None, 1920, -1), "asset_height_is_1_or_more"),
    ],
)
def test_what_no_asset_may_be(
    connection: psycopg.Connection, row: tuple[object, ...], constraint: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        connection.execute(INSERT, row)

    assert refused.value.diag.constraint_name == constraint
