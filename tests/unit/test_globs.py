"""Globs, compared with PostgreSQL and with a matcher that is as plain as possible."""

import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamlake_assets import limits
from dreamlake_assets.model.globs import (
    Folder,
    Glob,
    GlobError,
    parse,
    upper_bound,
)
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.store import listing
from tests.support.postgres import Server

Connection = psycopg.Connection[tuple[bool, ...]]
NASTY = "a,b-!^.$|?*+(){}[]\\:='\"%_ é\u0301\U0001f600\ud7ff\ue000\U0010ffff#~0"


# The plain matcher: expands the braces, then tries the tokens one after the other.


@dataclass(frozen=True)
class OneCharacter:
    """A token that matches one character, as decided by ``accepts``."""

    accepts: Callable[[str], bool]
    example: str


Token = str | OneCharacter  # the strings are "/", "*" and "**"

LEXEME = re.compile(
    r"""
    \\.                                  # an escape
    | \[ !? (\\.|.) (\\.|[^]\\])* \]     # a class; its first member may be a closing bracket
    | \*+
    | .
    """,
    re.DOTALL | re.VERBOSE,
)


def expand(pattern: str) -> list[list[Token]]:
    """All alternatives of a valid pattern."""
    lexemes = deque(lexeme[0] for lexeme in LEXEME.finditer(pattern))
    return [normalised([token(lexeme) for lexeme in way]) for way in alternatives(lexemes)]


def alternatives(lexemes: deque[str], *, in_braces: bool = False) -> list[list[str]]:
    finished: list[list[str]] = []
    current: list[list[str]] = [[]]
    while lexemes:
        lexeme = lexemes.popleft()
        if lexeme == "{":
            inner = alternatives(lexemes, in_braces=True)
            current = [[*begun, *rest] for begun in current for rest in inner]
        elif in_braces and lexeme == ",":
            finished += current
            current = [[]]
        elif in_braces and lexeme == "}":
            break
        else:
            current = [[*begun, lexeme] for begun in current]
    return finished + current


def token(lexeme: str) -> Token:
    if lexeme in ("/", r"\/"):
        return "/"
    if lexeme.startswith("*"):
        return lexeme[:2]
    if lexeme == "?":
        return OneCharacter(lambda character: character != "/", "?")
    if lexeme.startswith("["):
        return read_class(lexeme[1:-1])
    return OneCharacter(lexeme[-1].__eq__, lexeme[-1])


def read_class(text: str) -> OneCharacter:
    negated = text.startswith("!")
    members = re.findall(r"\\.|.", text[negated:], re.DOTALL)
    ranges = []
    while members:
        low, *members = members
        high = low
        if len(members) > 1 and members[0] == "-":
            _, high, *members = members
        ranges.append((low[-1], high[-1]))

    def accepts(character: str) -> bool:
        within = any(low <= character <= high for low, high in ranges)
        return character != "/" and within != negated

    return OneCharacter(accepts, next(filter(accepts, [low for low, _ in ranges]), "~"))


def normalised(tokens: list[Token]) -> list[Token]:
    """Add the leading slash; remove doubled slashes and stars after two stars."""
    result: list[Token] = ["/"]
    for token in tokens:
        doubled = token == "/" and result[-1] == "/"
        absorbed = token in ("*", "**") and result[-2:] == ["/", "**"]
        if not doubled and not absorbed:
            result.append(token)
    return result


def alternative_matches(tokens: list[Token], name: str) -> bool:
    @cache
    def rest_matches(index: int, position: int) -> bool:
        if index == len(tokens):
            return position == len(name)
        here, after = tokens[index], range(position, len(name) + 1)
        if tokens[index - 1 : index + 2] == ["/", "**", "/"] and index:
            starts = [end for end in after if name[end - 1] == "/"]
            return any(rest_matches(index + 2, end) for end in starts)
        if here == "**":
            return any(rest_matches(index + 1, end) for end in after)
        if here == "*":
            ends = [end for end in after if "/" not in name[position:end]]
            return any(rest_matches(index + 1, end) for end in ends)
        if position == len(name):
            return False
        character = name[position]
        accepted = here.accepts(character) if isinstance(here, OneCharacter) else character == "/"
        return accepted and rest_matches(index + 1, position + 1)

    return rest_matches(0, 0)


def matches(pattern: str, name: str) -> bool:
    return any(alternative_matches(tokens, name) for tokens in expand(pattern))


# PostgreSQL's answer


@dataclass(frozen=True)
class Answer:
    regex: bool  # the regular expression matches the name
    bounds: bool  # the name is within its bounds
    folder: bool  # the path of its folder matches, and is within its bounds
    file: bool  # the name is within the range of that folder


def ask(connection: Connection, glob: Glob, names: list[str]) -> list[Answer]:
    folder = glob.folder or Folder("", "", "", None, "", "")
    statement = """
        SELECT
            name ~ %(regex)s AS regex,
            name >= %(lower)s AND name < %(upper)s AS bounds,
            path ~ %(folder_regex)s AND path >= %(folder_lower)s AND path < %(folder_upper)s
                AS folder,
            name >= path || %(file_lower)s AND name < path || %(file_upper)s AS file
        FROM (
            SELECT
                name COLLATE "C" AS name,
                path COLLATE "C" AS path,
                position
            FROM unnest(%(names)s::text [], %(paths)s::text [])
                WITH ORDINALITY AS sample (name, path, position)
        ) AS sample
        ORDER BY position
    """
    parameters = {
        "regex": glob.regex,
        "lower": glob.lower,
        "upper": glob.upper,
        "folder_regex": folder.regex,
        "folder_lower": folder.lower,
        "folder_upper": folder.upper,
        "file_lower": folder.file_lower,
        "file_upper": folder.file_upper,
        "names": names,
        "paths": [name.rpartition("/")[0] for name in names],
    }
    return [Answer(*row) for row in connection.execute(statement, parameters)]


def check(connection: Connection, pattern: str, names: list[str]) -> None:
    glob = parse(pattern)
    for name, answer in zip(names, ask(connection, glob, names), strict=True):
        expected = matches(pattern, name)
        assert answer.regex == expected, (pattern, name)
        assert answer.bounds or not expected, (pattern, name)
        if glob.folder:
            assert (answer.regex and answer.folder and answer.file) == expected, (pattern, name)
            if expected and glob.folder.depth is not None:
                assert name.count("/") - 1 <= glob.folder.depth, (pattern, name)


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        yield connection


# Strategies of hypothesis: few characters, some of them nasty, so that patterns match names often.

LETTERS = st.sampled_from("aab" + NASTY)
SEGMENTS = st.text(LETTERS, min_size=1, max_size=4)
NAMES = st.lists(SEGMENTS, min_size=1, max_size=4).map(lambda segments: "/" + "/".join(segments))


def escaped(character: str) -> str:
    return f"\\{character}" if character in "*?[{},\\" else character


@st.composite
def classes(draw: st.DrawFn) -> str:
    members = []
    for _ in range(draw(st.integers(1, 3))):
        low, high = sorted([draw(LETTERS), draw(LETTERS | st.just("/"))])
        low, high = (f"\\{end}" if end in "]\\-!" else end for end in (low, high))
        members.append(draw(st.sampled_from([low, f"{low}-{high}"])))
    first = draw(st.sampled_from(["", "", "!", "]", "!]", "-"]))
    last = draw(st.sampled_from(["", "", "-"]))
    return f"[{first}{''.join(members)}{last}]"


PIECES = st.one_of(
    LETTERS.map(escaped),
    st.sampled_from(["a", "b", "/", "/", "//", "\\/", "*", "**", "/**/", "/*", "***", "?", "\\a"]),
    classes(),
)


def in_braces(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    branches = st.lists(inner, min_size=1, max_size=3)
    groups = branches.map(lambda texts: "{" + ",".join(texts) + "}")
    return st.lists(PIECES | groups, max_size=5).map("".join)


PATTERNS = st.recursive(st.lists(PIECES, max_size=6).map("".join), in_braces, max_leaves=6).filter(
    lambda pattern: not refused(pattern)
)


def refused(pattern: str) -> bool:
    try:
        parse(pattern)
    except GlobError:
        return True
    return False


@st.composite
def instances(draw: st.DrawFn, pattern: str) -> str:
    """A name that probably matches, or nearly matches."""
    text = ""
    for token in draw(st.sampled_from(expand(pattern))):
        match token:
            case OneCharacter():
                text += draw(st.sampled_from([*[token.example] * 9, "/"]))
            case "/":
                text += "/"
            case "*":
                text += draw(st.text(LETTERS, max_size=2))
            case _:
                text += draw(st.sampled_from(["", "a", "a/b", "/b"]))
    return re.sub("/+", "/", text).rstrip("/") or "/a"


@settings(deadline=None, max_examples=400, database=None)
@given(data=st.data())
def test_postgresql_and_the_plain_matcher_agree(connection: Connection, data: st.DataObject):
    pattern = data.draw(PATTERNS)
    names = data.draw(st.lists(instances(pattern) | NAMES, min_size=20, max_size=20))
    check(connection, pattern, names)


@settings(deadline=None, max_examples=300, database=None)
@given(pattern=st.text(st.sampled_from("ab/*?[]{},!-\\\0\ud800\U0010ffff"), max_size=12))
def test_every_text_is_either_a_glob_or_refused_with_a_position(
    connection: Connection, pattern: str
):
    try:
        glob = parse(pattern)
    except GlobError as error:
        position = error.position
    else:
        ask(connection, glob, ["/a"])
        position = -1
    assert position < len(pattern)


NAMES_BY_HAND = [
    "/a",
    "/b",
    "/x",
    "/ab",
    "/a.b",
    "/a/b",
    "/a/x",
    "/b/x",
    "/a/b/x",
    "/a/b/c/x",
    "/ab/x",
    "/a/bx",
    "/a-b",
    "/a]",
    "/a}",
    "/a,",
    "/a\\",
    "/*",
    "/***",
    "/(?i)A",
    "/a{2}",
    "/***=a",
    "/'\"%_",
    "/\U0001f600",
    "/e\u0301",
    "/\U0010ffff/a",
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        # The leading slash
        ("/a", "/a"),
        ("a", "/a"),
        ("//a", "/a"),
        ("\\/a", "/a"),
        ("?", "/a /b /x /* /\U0001f600"),
        ("[ab]", "/a /b"),
        ("{a,/b}", "/a /b"),
        ("{/a,b}/x", "/a/x /b/x"),
        ("{,/a}/x", "/x /a/x"),
        ("*x", "/x"),
        ("**/x", "/x /a/x /b/x /a/b/x /a/b/c/x /ab/x"),
        ("{**,b}/x", "/x /a/x /b/x /a/b/x /a/b/c/x /ab/x"),
        # Stars
        ("/a/*", "/a/b /a/x /a/bx"),
        ("/a*x", ""),
        ("/a**x", "/a/x /a/b/x /a/b/c/x /ab/x /a/bx"),
        ("/a**/x", "/a/x /a/b/x /a/b/c/x /ab/x"),
        ("/a/**", "/a/b /a/x /a/b/x /a/b/c/x /a/bx"),
        ("/a/**/x", "/a/x /a/b/x /a/b/c/x"),
        ("/a/***/x", "/a/x /a/b/x /a/b/c/x"),
        ("/**/**/a", "/a /\U0010ffff/a"),
        ("/**/b/**/x", "/b/x /a/b/x /a/b/c/x"),
        ("/a/*/x", "/a/b/x"),
        ("/*/*", "/a/b /a/x /b/x /ab/x /a/bx /\U0010ffff/a"),
        # Slashes that meet
        ("/a//b", "/a/b"),
        ("/a/{,b}/x", "/a/x /a/b/x"),
        ("/a{/,b/}x", "/a/x /ab/x"),
        ("/a{/,/b/}/x", "/a/x /a/b/x"),
        ("/a{,/**}/x", "/a/x /a/b/x /a/b/c/x"),
        ("/a/{b/,*}x", "/a/x /a/b/x /a/bx"),
        ("/a/", ""),
        ("", ""),
        # Classes
        ("/[!a]", "/b /x /* /\U0001f600"),
        ("/a[]]", "/a]"),
        ("/a[]-]", "/a]"),
        ("/a[!]]", "/ab /a} /a, /a\\"),
        ("/a[\\\\,]", "/a, /a\\"),
        ("/a[a-c]", "/ab"),
        ("/a[a-]b", "/a-b"),
        ("/a[-a]b", "/a-b"),
        ("/a[!-/]b", "/a.b"),
        ("/a[+-0]b", "/a-b /a.b"),
        ("/a[/]b", ""),
        ("/a[!x]b", "/a-b /a.b"),
        ("/[[:alpha:]", "/a"),
        ("/[\\^a]", "/a"),
        ("/[a^]", "/a"),
        ("/[!^*]", "/a /b /x /\U0001f600"),
        ("/[\U0001f5ff-\U0001f601]", "/\U0001f600"),
        ("/{[,],b}", "/b"),
        # Braces
        ("/{a,{b,x}}", "/a /b /x"),
        ("/a{,b}", "/a /ab"),
        ("/{}a", "/a"),
        ("/{a}", "/a"),
        ("/{a,a/{b,x}}", "/a /a/b /a/x"),
        ("/a{/b,}/x", "/a/x /a/b/x"),
        ("/a}", "/a}"),
        ("/a,", "/a,"),
        ("/a]", "/a]"),
        # Characters that are special elsewhere but not here
        ("***=a", "/***=a"),
        ("\\*\\*\\*", "/***"),
        ("\\*", "/*"),
        ("(?i)A", "/(?i)A"),
        ("(a)", ""),
        ("a\\{2\\}", "/a{2}"),
        ("a|b", ""),
        ("^a$", ""),
        ("a.b", "/a.b"),
        ("'\"%_", "/'\"%_"),
        ("a\\\\", "/a\\"),
        ("e\u0301", "/e\u0301"),
        ("e?", "/e\u0301"),
        ("\U0010ffff/*", "/\U0010ffff/a"),
    ],
)
def test_matches(connection: Connection, pattern: str, expected: str):
    answers = ask(connection, parse(pattern), NAMES_BY_HAND)
    found = [name for name, answer in zip(NAMES_BY_HAND, answers, strict=True) if answer.regex]
    assert sorted(found) == sorted(expected.split())
    check(connection, pattern, NAMES_BY_HAND)


CARET = "A class is negated as in [!a], and a literal ^ is written as in [\\^a]."


@pytest.mark.parametrize(
    ("pattern", "position", "message"),
    [
        ("/a[bc", 2, "This bracket is not closed."),
        ("/a[", 2, "This bracket is not closed."),
        ("/a[!", 2, "This bracket is not closed."),
        ("/a[]", 2, "This class is empty."),
        ("/a[!]", 2, "This class is empty."),
        *((pattern, 3, CARET) for pattern in ("/a[^a]", "/a[^]", "/a[^]a]", "/a[^", "/a[^a-z]*")),
        ("/a{b,[c}", 5, "This bracket is not closed."),
        ("/a{b,c", 2, "This brace is not closed."),
        ("/a{b,{c}", 2, "This brace is not closed."),
        ("/[az-y]", 3, "This range runs backwards."),
        ("/\U0001f600[z-\\a]", 3, "This range runs backwards."),
        ("/a\\", 2, "Nothing follows this backslash."),
        ("/[a\\", 3, "Nothing follows this backslash."),
        ("/a\0", 2, "No name can hold this character."),
        ("/\ud800", 1, "No name can hold this character."),
        ("/" + "\xe9" * 512, 512, "The pattern is longer than 1,024 bytes."),
        ("/" + "{a,b}" * 7, 31, "The braces have more than 64 alternatives in all."),
        ("/{" + "," * 64 + "}", 1, "The braces have more than 64 alternatives in all."),
        (
            ("{" + "*a" * 40 + "/," + "*b" * 40 + "}") * 6,
            0,
            "The braces of this pattern are too complex.",
        ),
    ],
)
def test_refused(pattern: str, position: int, message: str):
    with pytest.raises(GlobError) as caught:
        parse(pattern)
    assert (caught.value.position, str(caught.value)) == (position, message)


@pytest.mark.parametrize(
    ("pattern", "lower", "upper"),
    [
        ("/a/b.mp4", "/a/b.mp4", "/a/b.mp4\x01"),
        ("/a/b*", "/a/b", "/a/c"),
        ("/a/*", "/a/", "/a0"),
        ("/a/**", "/a/", "/a0"),
        ("/a/**/x", "/a/", "/a0"),
        ("/a[*]b?", "/a*b", "/a*c"),
        ("/{b,a}/x*", "/a/x", "/b/y"),
        ("*", "/", "0"),
        ("/\ud7ff*", "/\ud7ff", "/\ue000"),
        ("/a\U0010ffff*", "/a\U0010ffff", "/b"),
    ],
)
def test_bounds_are_tight(pattern: str, lower: str, upper: str):
    glob = parse(pattern)
    assert (glob.lower, glob.upper) == (lower, upper)


@pytest.mark.parametrize(
    ("pattern", "folder"),
    [
        (
            "/camera/*/person*.mp4",
            Folder("^/camera/[^/]*$", "/camera/", "/camera0", 2, "/person", "/persoo"),
        ),
        # The example in the docstring of the module.
        (
            "camera/*/run{1,2}.mp4",
            Folder("^/camera/[^/]*$", "/camera/", "/camera0", 2, "/run1.mp4", "/run2.mp4\x01"),
        ),
        ("/camera/a.mp4", Folder("^/camera$", "/camera", "/camera\1", 1, "/a.mp4", "/a.mp4\1")),
        ("/camera/**/*", Folder("^/camera(?:/[^/]+)*$", "/camera", "/camera0", None, "/", "0")),
        ("**/a", Folder("^(?:/[^/]+)*$", "", "0", None, "/a", "/a\1")),
        ("*.mp4", Folder("^$", "", "\1", 0, "/", "0")),
        ("/{a,b/c}/{x,z}*", Folder("^(?:/a|/b/c)$", "/a", "/b/c\1", 2, "/x", "/{")),
        ("/a**", None),
        ("/a/{b/c,d}", None),
        ("/a/{**,b}", None),
    ],
)
def test_folder(pattern: str, folder: Folder | None):
    assert parse(pattern).folder == folder


@pytest.mark.parametrize("pattern", ["**/**/a", "/**/**/a", "**/**/**/a"])
def test_any_folders_are_written_once(pattern: str):
    """PostgreSQL would try each repetition."""
    assert parse(pattern).regex.count("(?:/[^/]+)*") == 1


@pytest.mark.parametrize(
    ("pattern", "statement"),
    [
        ("/camera/*/run01.mp4", "asset/list_by_folder_glob"),
        ("/camera/*", "asset/list_by_folder_glob"),
        ("**/run*", "asset/list_by_folder_glob"),
        # The bounds of the names are as narrow as those of a folder and a file.
        ("/camera/run01.mp4", "asset/list_by_glob"),
        # The pattern matches any folder and any file.
        ("**/*", "asset/list_by_glob"),
        ("**", "asset/list_by_glob"),
    ],
)
def test_folders_are_gone_through_where_they_narrow_the_search(pattern: str, statement: str):
    filters = listing.Filters("testuser", "robotics", glob=parse(pattern))

    listed = listing.assets(
        kinds=[KINDS["video"]], subject="test-001", filters=filters, after=None, paged=True
    )
    assert listed.statement == statement


@pytest.mark.parametrize(
    ("prefix", "bound"),
    [
        ("/a", "/b"),
        ("/a\U0010ffff\U0010ffff", "/b"),
        ("/\x7f", "/\x80"),
        ("/\ud7ff", "/\ue000"),
        ("/", "0"),
        ("", "0"),
        ("\U0010ffff", "0"),
    ],
)
def test_upper_bound(prefix: str, bound: str):
    assert upper_bound(prefix) == bound


@settings(database=None)
@given(prefix=NAMES, rest=st.text())
def test_upper_bound_is_above_all_that_begin_with_the_prefix(prefix: str, rest: str):
    bound = upper_bound(prefix).encode()
    assert prefix.encode() <= (prefix + rest).encode(errors="ignore") < bound


@pytest.mark.parametrize(
    "pattern",
    [
        "?" * 1_024,
        "*a" * 512,
        "**/a/" * 204,
        "a**" * 341,
        "[!ab]" * 204,
        "{" * 512 + "}" * 512,
        "{" + ",".join("*abcd*efghijkl" for _ in range(64)) + "}",
        ("{a,b}" + "*c" * 80) * 6,
        "{/," + "a" * 150 + "}" + ("{/," + "b" * 150 + "}") * 5,
        "".join(f"?{chr(256 + number)}" for number in range(340)),
    ],
    ids=lambda pattern: pattern[:12],
)
def test_the_longest_patterns_are_compiled_and_matched_at_once(
    connection: Connection, pattern: str
):
    glob = parse(pattern)
    assert len(glob.regex) <= limits.REGEX_CHARACTERS
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = '5s'")
        ask(connection, glob, ["/" + "a" * 1_023, "/" + "ab/" * 340 + "c"])
