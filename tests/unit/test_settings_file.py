"""The settings file, which is read again at every reload."""

from pathlib import Path

import pytest

from dreamlake_assets import settings_file


@pytest.fixture(autouse=True)
def nothing_read_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_file, "_replaced", {})


def test_a_setting_that_leaves_the_file_has_its_former_value_again(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    environ = {"DREAMLAKE_SETTINGS_FILE": str(file), "PORT": "1"}
    before = dict(environ)
    file.write_text("PORT=2\nDREAMLAKE_THREADS=3\n")

    settings_file.read(environ)
    assert environ == {**before, "PORT": "2", "DREAMLAKE_THREADS": "3"}
    settings_file.read(environ)
    assert environ == {**before, "PORT": "2", "DREAMLAKE_THREADS": "3"}

    file.write_text("")
    settings_file.read(environ)
    assert environ == before


def test_a_setting_that_left_the_file_is_the_environments_own(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    environ = {"DREAMLAKE_SETTINGS_FILE": str(file)}
    for content in ("PORT=2\n", ""):
        file.write_text(content)
        settings_file.read(environ)

    environ["PORT"] = "3"
    settings_file.read(environ)

    assert environ["PORT"] == "3"
