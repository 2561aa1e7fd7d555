"""The settings file is read as systemd reads an EnvironmentFile, or refused."""

import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

from dreamlake_assets import settings_file
from dreamlake_assets.config import SettingsError
from tests.support import programs


def systemd(content: str) -> dict[str, str]:
    """The settings in a file as systemd's parser reads them, without empty ones.

    The program implements environment.d(5): it has the parser of EnvironmentFile=, but reports an
    empty value as an error. Lower-case names belong to the tests.
    """
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "environment.d", "settings.conf")
        file.parent.mkdir()
        file.write_text(content, "utf-8", newline="")
        done = subprocess.run(
            [programs.program("30-systemd-environment-d-generator")],
            env={**programs.environment(), "XDG_CONFIG_HOME": directory},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    found = (line.partition("=") for line in done.stdout.splitlines())
    return {name: _unquoted(value) for name, _, value in found if name.islower()}


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    controls = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(r"\\(.)", lambda match: controls.get(match[1], match[1]), value[1:-1])


def not_empty(values: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "settings"


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=\n", {"a": ""}),
        # Comments, empty lines, spaces around the name and the value.
        ("# a=1\n; a=2\n\n  # a=3\n \t\nb=4\n", {"b": "4"}),
        (" a = 1 \t\n", {"a": "1"}),
        # Only a line begins a comment; only a value begins a quotation.
        ("a=1 #2 and more\nb=1;2\n", {"a": "1 #2 and more", "b": "1;2"}),
        ("""a=it's\nb=1 "2" '3'\n""", {"a": "it's", "b": """1 "2" '3'"""}),
        ("a=1=2==\n", {"a": "1=2=="}),
        # Outside quotes a backslash escapes any character and continues a line.
        ("a=1\\2\\\\3\\'\\\"", {"a": "12\\3'\""}),
        ("a=\\'1\nb=\\ 1\\ \n", {"a": "'1", "b": " 1 "}),
        ("a=1 \\\n  2\\\n3\nb=4\n", {"a": "1   23", "b": "4"}),
        # In single quotes a backslash escapes nothing, in double quotes four characters.
        (r"""a= '1 \n \\ "2"' """, {"a": r'1 \n \\ "2"'}),
        (r"""a= "1 \n \\ '2' \"\`" """, {"a": r"""1 \n \ '2' "`"""}),
        ("a='1\\\n#2\n'\nb=3\n", {"a": "1\\\n#2\n", "b": "3"}),
        ('a="1\\\n#2\n"\nb=3\n', {"a": "1#2\n", "b": "3"}),
        ("a=''\nb=\"\"\n", {"a": "", "b": ""}),
        # The last setting of a name counts.
        ("a=1\nb=2\na=3\n", {"a": "3", "b": "2"}),
        # Line endings of an editor on Windows.
        ("# 1\r\na=1 \r\n\r\nb='2'\r\nc=\r\nd=3", {"a": "1", "b": "2", "c": "", "d": "3"}),
        ("a=é日本\n", {"a": "é日本"}),
    ],
)
def test_it_is_read_as_systemd_does(path: Path, content: str, values: dict[str, str]) -> None:
    path.write_text(content, "utf-8", newline="")

    assert settings_file.settings(str(path)) == values
    assert systemd(content) == not_empty(values)


def test_a_dollar_has_no_meaning(path: Path) -> None:
    """True of an EnvironmentFile; environment.d replaces variables after parsing."""
    path.write_text("a=$b ${b}\nc=\"$b \\$b\"\nd='$b'\n")

    assert settings_file.settings(str(path)) == {"a": "$b ${b}", "c": "$b $b", "d": "$b"}


REFUSED = [
    # A quotation without an end, and one with text after it.
    b'a="secret',
    b"a='secret",
    b'a="secret\nb="1"\n',
    b"a='secret' # 1\n",
    b'a="secret"2\n',
    b"a='secret' '2'\n",
    # Not a setting, or a name that is invalid in a shell.
    b"a: secret\n",
    b"secret\n",
    b"a b=secret\n",
    b"export a=secret\n",
    b"1a=secret\n",
    b"a-b=secret\n",
    b"a.b=secret\n",
    b'"a"=secret\n',
    b"=secret\n",
    b"\xc3\x89=secret\n",
    # A continuation without a next line, and two that CR LF prevents.
    b"a=secret\\",
    b"a=secret\\\r\n 2\r\n",
    b'a="secret\\\r\n2"\r\n',
    b"a=secret\rsecret\n",
    # Bytes that are invalid in text.
    b"a=secret\xe9\n",
    b"# \xe9\n",
    b"a=secret\0\n",
    b"\xef\xbb\xbfa=secret\n",
    b"a=secret\xff\xfe",
]


@pytest.mark.parametrize("line", REFUSED)
def test_a_line_that_cannot_be_read_is_named_and_not_quoted(path: Path, line: bytes) -> None:
    for before in (b"", b"# 1\n\na='1\n2'\r\n"):
        path.write_bytes(before + line)
        number = before.count(b"\n") + 1

        with pytest.raises(SettingsError, match=rf": line {number} of \S+ (is|has) ") as refused:
            settings_file.settings(str(path))

        assert str(path) in str(refused.value)
        assert "secret" not in str(refused.value).replace(str(path), "")
        assert "\n" not in str(refused.value)


@options(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["a", "=", "=", "'", '"', "\\", " ", "\n", "\r", "#", ";", "é"])))
def test_no_file_means_something_else_to_systemd(pieces: list[str]) -> None:
    content = "".join(pieces)
    # Before release 254, a backslash continued a comment.
    content = re.sub(r"(?m)^(\s*[#;].*?)\\+$", r"\1", content)
    with tempfile.NamedTemporaryFile() as file:
        file.write(content.encode())
        file.flush()
        try:
            values = settings_file.settings(file.name)
        except SettingsError:
            return
    assert systemd(content) == not_empty(values)


def test_one_that_is_refused_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_file, "accepted", None)
    before = {"DREAMLAKE_SETTINGS_FILE": str(path), "a": "0"}
    environ = dict(before)
    path.write_text("a=1\n")
    settings_file.read(environ)
    settings_file.accept(environ)

    # An unreadable file, then a readable one whose values are refused elsewhere.
    path.write_text("a=2\nb=3\nc")
    with pytest.raises(SettingsError):
        settings_file.read(environ)
    settings_file.restore(environ)
    assert environ == {**before, "a": "1"}
    path.write_text("b=4\n")
    settings_file.read(environ)
    assert environ == {**before, "b": "4"}
    settings_file.restore(environ)
    assert environ == {**before, "a": "1"}

    path.write_text("")
    settings_file.read(environ)
    assert environ == before


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(SettingsError, match=re.escape(str(path))):
        settings_file.settings(str(path))


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
