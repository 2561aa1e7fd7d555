"""Conversion of a file to a statement. tests/sql tests each file of sql/."""

from pathlib import Path

import pytest

from dreamlake_assets.database import queries


def test_the_name_is_added_and_the_head_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(queries, "SQL_DIRECTORY", tmp_path)
    (tmp_path / "walrus").mkdir()
    (tmp_path / "walrus" / "find.sql").write_text(
        "-- Finds 100% of the walruses.\n--\n-- Route: none\n\nSELECT name\nFROM walrus\n"
    )

    statement = queries.query("walrus/find")

    assert statement == b"/* walrus/find */\nSELECT /* walrus/find */ name\nFROM walrus"


def test_a_file_that_does_not_exist() -> None:
    with pytest.raises(FileNotFoundError, match="asset/nothing"):
        queries.query("asset/nothing")
