r"""Compiles globs into bounds, folders and regular expressions for PostgreSQL.

A glob matches the whole name of an asset:

    *             any number of characters except /
    **            any number of characters; three or more stars mean the same
    **/           at the beginning of a segment: zero or more whole folders
    ?             one character except /
    [abc] [a-z]   one of these characters, never /; ranges are by code point
    [!a]          one character except these, never /; [^a] is refused
    {a,b}         alternatives; they nest, may be empty and may contain slashes
    \             takes the next character literally, also within brackets

Within brackets, ] is literal in the first place, and - in the first or the last. A comma or }
outside braces and a ] outside brackets are literal. Names begin with one slash and have no repeated
slashes, and patterns are read in the same way: the leading slash is optional, and adjacent slashes,
also across braces, count as one.

``parse`` reads a pattern into nodes (text, slashes, stars, classes and braces) and derives three
things from them. Nothing is matched here; the statements in ``sql/asset`` do that.

- The regular expression decides which names match. The other two only narrow the search.
- The bounds are a range that holds every name with the literal beginning of the pattern, or of any
  of its alternatives.
- The folder narrows the search further. It has bounds and a regular expression for the path of the
  folder, and bounds for the last segment. A statement goes from one matching folder to the next and
  reads only the names within these bounds. If the last segment may contain a slash, there is none.

For example, ``camera/*/run{1,2}.mp4`` becomes::

    nodes                          camera  SLASH  STAR  SLASH  run  {1 | 2}  .mp4
    regex                          ^/camera/[^/]*/run(?:1|2)\.mp4$
    lower, upper                   /camera/      /camera0
    folder.regex                   ^/camera/[^/]*$
    folder.lower, folder.upper     /camera/      /camera0
    folder.depth                   2
    folder.file_lower, file_upper  /run1.mp4     /run2.mp4\x01

The literal beginning ends at the star, so the bounds hold every name below ``/camera/``: ``0`` is
the character after ``/``. With the folder, a statement finds ``/camera/front`` and reads the names
from ``/camera/front/run1.mp4`` to ``/camera/front/run2.mp4``, then goes on to ``/camera/rear``. The
regular expression rejects other names in these ranges, such as ``/camera/front/run10.mp4``.

The expressions are PostgreSQL's AREs, for ``text COLLATE "C"`` in a UTF-8 database. PostgreSQL
matches them with automata, so no pattern takes exponential time. Braces become alternations, so an
expression is at most five times as long as its pattern. Only consecutive braces whose branches may
end in a slash, as in ``{/,a}{/,b}{/,c}``, are multiplied out. PostgreSQL takes too long to compile
an expression of more than 16,384 characters, so such a pattern is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import product

from dreamlake_assets import limits

LAST_CODE_POINT = "\U0010ffff"
_LAST_BEFORE_SURROGATES = "\ud7ff"
_FIRST_AFTER_SURROGATES = "\ue000"
_ABOVE_ALL_NAMES = chr(ord("/") + 1)
LOWEST_CHARACTER = "\x01"  # text in PostgreSQL cannot contain NUL


class GlobError(ValueError):
    """The pattern is not a valid glob. The message is a sentence that gives the reason.

    :param position: the offset of the fault in the pattern, in characters.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class Folder:
    """Conditions on the folder of a matching name, and on its last segment.

    Let P be the path of the folder, such as ``/camera/front``, or the empty string for the root. An
    asset directly in this folder matches the glob only if P matches ``regex``,
    ``lower <= P AND P < upper``, and ``P || file_lower <= name AND name < P || file_upper``.

    :param regex: matches the whole path.
    :param lower: inclusive bound of the path.
    :param upper: exclusive bound of the path.
    :param depth: the maximum number of folders in the path; None if ``**`` makes it unlimited.
    :param file_lower: inclusive bound of the last segment, with the slash before it.
    :param file_upper: exclusive bound of the last segment, with the slash before it.
    """

    regex: str
    lower: str
    upper: str
    depth: int | None
    file_lower: str
    file_upper: str


@dataclass(frozen=True)
class Glob:
    """A compiled glob. Bounds compare strings by their bytes in UTF-8.

    :param regex: matches the whole name. It decides; the bounds and the folder narrow the search.
    :param lower: inclusive bound of the name.
    :param upper: exclusive bound of the name.
    :param folder: None if the last segment may contain a slash.
    """

    regex: str
    lower: str
    upper: str
    folder: Folder | None


class _Mark(Enum):
    """A slash or stars; the value is the regular expression."""

    SLASH = "/"
    STAR = "[^/]*"
    DOUBLE_STAR = ".*"


@dataclass(frozen=True)
class _Text:
    """Literal characters."""

    text: str

    @property
    def regex(self) -> str:
        return "".join(f"\\{c}" if c in r"\^$.|?*+()[]{}" else c for c in self.text)


@dataclass(frozen=True)
class _OneCharacter:
    """A character class, or ``?``."""

    regex: str


@dataclass(frozen=True)
class _Braces:
    """Two or more alternatives."""

    branches: tuple["_Nodes", ...]


_Token = _Mark | _Text | _OneCharacter
_Nodes = tuple["_Token | _Braces", ...]

_ANY_CHARACTER = _OneCharacter("[^/]")
_NO_CHARACTER = _OneCharacter("(?!)")


@lru_cache(maxsize=256)
def parse(pattern: str) -> Glob:
    """Compile a glob. The result is cached, since all pages of a listing send the same pattern.

    :raises GlobError: the pattern has an unclosed bracket or brace, an empty class, a range that
        runs backwards, a backslash at its end, or a character that PostgreSQL cannot store; it is
        longer than 1,024 bytes; its braces have more than 64 alternatives (combinations of
        branches); or its regular expression is too long.
    """
    _check_characters(pattern)
    nodes = _Parser(pattern).parse()
    regex = _regex(nodes)
    if len(regex) > limits.REGEX_CHARACTERS:
        raise GlobError("The braces of this pattern are too complex.", 0)
    lower, upper = _bounds(nodes)
    return Glob(regex, lower, upper, _folder(nodes))


def upper_bound(prefix: str, above_all: str = _ABOVE_ALL_NAMES) -> str:
    """Return the smallest string that sorts after every string with this prefix, by UTF-8 bytes.

    :param above_all: the result for a prefix that is empty or consists of U+10FFFF, which has no
        such string: a string that sorts after every name, by default after that of every asset.
    """
    stem = prefix.rstrip(LAST_CODE_POINT)
    if not stem:
        return above_all
    last = stem[-1]
    raised = _FIRST_AFTER_SURROGATES if last == _LAST_BEFORE_SURROGATES else chr(ord(last) + 1)
    return stem[:-1] + raised


def _check_characters(pattern: str) -> None:
    for position, character in enumerate(pattern):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise GlobError("No name can hold this character.", position)
    encoded = pattern.encode()
    if len(encoded) > limits.GLOB_BYTES:
        fitting = encoded[: limits.GLOB_BYTES].decode(errors="ignore")
        raise GlobError(f"The pattern is longer than {limits.GLOB_BYTES:,} bytes.", len(fitting))


@dataclass
class _Level:
    """A nesting level of braces while it is read; the outermost is the whole pattern."""

    position: int  # of the opening brace
    nodes: list[_Token | _Braces]  # the current branch
    count: int  # alternatives in the current branch
    branches: list[_Nodes]  # the branches before it
    branches_count: int  # alternatives in the branches before it

    @classmethod
    def opened_at(cls, position: int) -> "_Level":
        return cls(position, [], 1, [], 0)

    def add(self, node: _Token) -> None:
        last = self.nodes[-1] if self.nodes else None
        if isinstance(node, _Text) and isinstance(last, _Text):
            self.nodes[-1] = _Text(last.text + node.text)
        else:
            self.nodes.append(node)

    def end_branch(self) -> None:
        self.branches.append(tuple(self.nodes))
        self.branches_count += self.count
        self.nodes, self.count = [], 1


class _Parser:
    """Reads a pattern into nodes, from left to right.

    Open braces are on a stack: recursion would fail on deeply nested ones.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0

    def parse(self) -> _Nodes:
        levels = [_Level.opened_at(0)]
        while self.position < len(self.pattern):
            start = self.position
            character = self._next()
            match character:
                case "{":
                    levels.append(_Level.opened_at(start))
                case "," if len(levels) > 1:
                    levels[-1].end_branch()
                case "}" if len(levels) > 1:
                    self._close(levels.pop(), levels[-1])
                case _:
                    levels[-1].add(self._token(character, start))
        if len(levels) > 1:
            raise GlobError("This brace is not closed.", levels[-1].position)
        return tuple(levels[0].nodes)

    @staticmethod
    def _close(level: _Level, outer: _Level) -> None:
        level.end_branch()
        outer.count *= level.branches_count
        if outer.count > limits.GLOB_ALTERNATIVES:
            message = f"The braces have more than {limits.GLOB_ALTERNATIVES} alternatives in all."
            raise GlobError(message, level.position)
        if len(level.branches) == 1:
            outer.nodes.extend(level.branches[0])
        else:
            outer.nodes.append(_Braces(tuple(level.branches)))

    def _next(self) -> str:
        character = self.pattern[self.position]
        self.position += 1
        return character

    def _peek(self) -> str:
        return self.pattern[self.position : self.position + 1]

    def _token(self, character: str, start: int) -> _Token:
        match character:
            case "/":
                return _Mark.SLASH
            case "?":
                return _ANY_CHARACTER
            case "[":
                return self._class(start)
            case "*":
                while self._peek() == "*":
                    self.position += 1
                return _Mark.STAR if self.position - start == 1 else _Mark.DOUBLE_STAR
            case "\\":
                escaped = self._escaped(start)
                return _Mark.SLASH if escaped == "/" else _Text(escaped)
            case _:
                return _Text(character)

    def _escaped(self, start: int) -> str:
        if not self._peek():
            raise GlobError("Nothing follows this backslash.", start)
        return self._next()

    def _class(self, start: int) -> _Token:
        negated = self._peek() == "!"
        if negated:
            self.position += 1
        elif self._peek() == "^":
            # Some shells negate with it and others do not, so either meaning would surprise.
            message = "A class is negated as in [!a], and a literal ^ is written as in [\\^a]."
            raise GlobError(message, self.position)
        first = self.position
        ranges: list[tuple[str, str]] = []
        while self._peek() != "]" or self.position == first:
            lowest_at = self.position
            lowest = highest = self._member(start, first)
            ahead = self.pattern[self.position : self.position + 2]
            if len(ahead) == 2 and ahead[0] == "-" and ahead[1] != "]":
                self.position += 1
                highest = self._member(start, first)
                if lowest > highest:
                    raise GlobError("This range runs backwards.", lowest_at)
            ranges.append((lowest, highest))
        self.position += 1
        return _one_of(ranges, negated)

    def _member(self, start: int, first: int) -> str:
        position = self.position
        if not self._peek():
            empty = self.pattern[first : first + 1] == "]"
            raise GlobError(
                "This class is empty." if empty else "This bracket is not closed.", start
            )
        character = self._next()
        return self._escaped(position) if character == "\\" else character


def _one_of(ranges: list[tuple[str, str]], negated: bool) -> _Token:
    if negated:
        return _OneCharacter("[^/" + "".join(_bracket_range(*pair) for pair in ranges) + "]")
    allowed = [part for pair in ranges for part in _without_slash(*pair)]
    match allowed:
        case []:
            return _NO_CHARACTER
        case [(lowest, highest)] if lowest == highest:
            return _Text(lowest)
        case _:
            return _OneCharacter("[" + "".join(_bracket_range(*pair) for pair in allowed) + "]")


def _without_slash(lowest: str, highest: str) -> Iterator[tuple[str, str]]:
    if not lowest <= "/" <= highest:
        yield lowest, highest
        return
    if lowest < "/":
        yield lowest, chr(ord("/") - 1)
    if highest > "/":
        yield chr(ord("/") + 1), highest


def _bracket_range(lowest: str, highest: str) -> str:
    if lowest == highest:
        return _in_bracket(lowest)
    return f"{_in_bracket(lowest)}-{_in_bracket(highest)}"


def _in_bracket(character: str) -> str:
    plain = character.isalnum() or not character.isascii()
    return character if plain else f"\\{character}"


class _Pending(Enum):
    """A regular expression that is not written yet, because the next token may change it.

    Delaying a slash serves four ends: adjacent slashes merge, the leading slash is optional, a
    slash after ``**`` makes it whole folders, and the expression before a pending slash matches the
    path of a folder.
    """

    NOTHING = ""
    SLASH = "/"
    DOUBLE_STAR = "/.*"


_ANY_FOLDERS = "(?:/[^/]+)*"


def _regex(nodes: _Nodes) -> str:
    regexes = _translate(nodes, _Pending.SLASH)
    return f"^{_alternation([regex + pending.value for pending, regex in regexes.items()])}$"


def _translate(nodes: _Nodes, pending: _Pending) -> dict[_Pending, str]:
    """Return the regular expressions of nodes, keyed by what is pending after them.

    There is more than one if branches of braces end differently: after ``{a/,b}``, either a slash
    or nothing is pending. The rest is then translated for each of the two.
    """
    common = ""  # written once, before all alternatives
    regexes = {pending: ""}
    for node in nodes:
        longer: dict[_Pending, list[str]] = {}
        for before, regex in regexes.items():
            for after, piece in _transitions(node, before):
                if piece == _ANY_FOLDERS and (common + regex).endswith(_ANY_FOLDERS):
                    # Two in a row match the same names as one, but PostgreSQL tries every split.
                    longer.setdefault(after, []).append(regex)
                else:
                    longer.setdefault(after, []).append(regex + piece)
        regexes = {after: _alternation(pieces) for after, pieces in longer.items()}
        if len(regexes) == 1:
            ((after, regex),) = regexes.items()
            common += regex
            regexes = {after: ""}
    return {after: common + regex for after, regex in regexes.items()}


def _transitions(node: _Token | _Braces, pending: _Pending) -> Iterator[tuple[_Pending, str]]:
    """Yield what is pending after a node and the expression to write, for each way through it."""
    if isinstance(node, _Braces):
        for branch in node.branches:
            yield from _translate(branch, pending).items()
    else:
        yield _transition(node, pending)


def _transition(token: _Token, pending: _Pending) -> tuple[_Pending, str]:
    """Return what is pending after a token, and the expression to write before that."""
    match token, pending:
        case _Mark.SLASH, _Pending.DOUBLE_STAR:
            return _Pending.SLASH, _ANY_FOLDERS
        case _Mark.SLASH, _:
            return _Pending.SLASH, ""
        case _Mark.DOUBLE_STAR, _Pending.SLASH:
            return _Pending.DOUBLE_STAR, ""
        case _Mark.DOUBLE_STAR | _Mark.STAR, _Pending.DOUBLE_STAR:
            return _Pending.DOUBLE_STAR, ""
        case _Mark(), _:
            return _Pending.NOTHING, pending.value + token.value
        case _:
            return _Pending.NOTHING, pending.value + token.regex


def _alternation(regexes: list[str]) -> str:
    distinct = list(dict.fromkeys(regexes))
    return distinct[0] if len(distinct) == 1 else f"(?:{'|'.join(distinct)})"


def _folder(nodes: _Nodes) -> Folder | None:
    """Split nodes after their last slash, unless the last segment may contain one itself."""
    slashes = [index for index, node in enumerate(nodes) if node is _Mark.SLASH]
    split = slashes[-1] + 1 if slashes else 0
    folders, segment = nodes[:split], nodes[split:]
    if _contains(segment, _Mark.SLASH) or _contains(segment, _Mark.DOUBLE_STAR):
        return None
    (regex,) = _translate(folders, _Pending.SLASH).values()
    lower, upper = _bounds(folders, of_folder=True)
    file_lower, file_upper = _bounds(segment)
    return Folder(f"^{regex}$", lower, upper, _depth(folders), file_lower, file_upper)


def _contains(nodes: _Nodes, mark: _Mark) -> bool:
    """Whether the nodes contain a mark, at any depth of braces."""
    return any(
        any(_contains(branch, mark) for branch in node.branches)
        if isinstance(node, _Braces)
        else node is mark
        for node in nodes
    )


def _depth(folders: _Nodes) -> int | None:
    if _contains(folders, _Mark.DOUBLE_STAR):
        return None
    return max(_count_segments(alternative) for alternative in _alternatives(folders))


def _count_segments(tokens: tuple[_Token, ...]) -> int:
    count, pending = 0, _Pending.SLASH
    for token in tokens:
        before, (pending, _) = pending, _transition(token, pending)
        count += before is _Pending.SLASH and pending is _Pending.NOTHING
    return count


def _bounds(nodes: _Nodes, *, of_folder: bool = False) -> tuple[str, str]:
    """Return the range that covers everything that nodes match, in any alternative.

    :param of_folder: whether they match the path of a folder, which has no slash at its end.
    """
    ranges = [_literal_range(alternative, of_folder) for alternative in _alternatives(nodes)]
    return min(lower for lower, _ in ranges), max(upper for _, upper in ranges)


def _literal_range(tokens: tuple[_Token, ...], of_folder: bool) -> tuple[str, str]:
    """Return the range of everything that begins with the literal beginning of tokens."""
    text = ""
    pending = _Pending.SLASH
    for token in tokens:
        before, (pending, _) = pending, _transition(token, pending)
        if pending is _Pending.DOUBLE_STAR:
            # The double star may match no folder at all, and then the path is the text itself.
            return text if of_folder else f"{text}/", upper_bound(f"{text}/")
        if pending is _Pending.NOTHING:
            text += before.value
            if not isinstance(token, _Text):
                return text, upper_bound(text)
            text += token.text
    if not of_folder:
        text += pending.value
    # Everything is literal: this range holds one string only.
    return text, text + LOWEST_CHARACTER


def _alternatives(nodes: _Nodes) -> Iterator[tuple[_Token, ...]]:
    """Yield every combination of branches; the parser has limited their number."""
    choices = [
        [tokens for branch in node.branches for tokens in _alternatives(branch)]
        if isinstance(node, _Braces)
        else [(node,)]
        for node in nodes
    ]
    for choice in product(*choices):
        yield tuple(token for tokens in choice for token in tokens)
