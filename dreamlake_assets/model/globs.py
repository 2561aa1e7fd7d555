r"""Globs: from a pattern to what PostgreSQL needs to answer it.

A glob matches the whole of an asset's name:

    *             any characters but /, also none
    **            any characters, also none; more than two stars in a row mean the same
    **/           where a segment begins: zero or more whole folders
    ?             one character but /
    [abc] [a-z]   one of these characters, never /; ranges go by code point
    [!a]          one character that is not one of these, never /
    {a,b}         either; nested, possibly empty, possibly with slashes
    \             the next character as it stands, also within brackets

Within brackets, ] stands for itself where it comes first, - where it comes first or last; so do a
comma, ] and } that belong to no bracket or brace. Names start with one slash and have no two in a
row, and patterns are read in the same way: the leading slash may be left out, and slashes that
meet, across braces too, are one.

Nothing is matched here. ``parse`` gives regular expressions for PostgreSQL (AREs, for
``text COLLATE "C"`` in a UTF-8 database) and ranges of an index: for the whole name and, where the
folders of a pattern can be told from its last segment, for the folders and for that segment.
PostgreSQL matches with automata, so no pattern takes exponential time. Braces stay alternations, so
an expression is at most five times as long as its pattern. Only groups in a row that may end in a
slash, as in ``{/,a}{/,b}{/,c}``, are multiplied out; where that comes to more than 16,384
characters, more than PostgreSQL compiles in good time, the pattern is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import product

from dreamlake_assets import limits

_LAST_CODE_POINT = "\U0010ffff"
_LAST_BEFORE_SURROGATES = "\ud7ff"
_FIRST_AFTER_SURROGATES = "\ue000"
_ABOVE_ALL_NAMES = chr(ord("/") + 1)
LOWEST_CHARACTER = "\x01"  # PostgreSQL's text has no NUL


class GlobError(ValueError):
    """A pattern is no glob; the message says why, as a sentence.

    ``position`` says where: characters of the pattern before the fault.
    """

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class Folder:
    """The folders of a pattern, and the beginning of its last segment.

    Matched against paths of folders such as ``/camera/front``; the root is the empty string. An
    asset directly in a folder with the path P matches the glob only if
    ``P || file_lower <= name AND name < P || file_upper``; and P matches ``regex``.
    """

    regex: str  # matches the whole path
    lower: str  # lower <= path < upper
    upper: str
    depth: int | None  # how many folders deep at most; None where ``**`` makes it unlimited
    file_lower: str  # with the slash before the segment
    file_upper: str


@dataclass(frozen=True)
class Glob:
    """What is known of every name that matches. Strings are compared by bytes of UTF-8."""

    regex: str  # matches the whole name; the bounds and the folder only narrow the search
    lower: str  # lower <= name < upper
    upper: str
    folder: Folder | None  # None where the last segment cannot be told from the folders


class _Mark(Enum):
    SLASH = "/"
    STAR = "[^/]*"
    DEEP = ".*"


@dataclass(frozen=True)
class _Text:
    text: str

    @property
    def regex(self) -> str:
        return "".join(f"\\{c}" if c in r"\^$.|?*+()[]{}" else c for c in self.text)


@dataclass(frozen=True)
class _OneOf:
    regex: str


@dataclass(frozen=True)
class _Braces:
    branches: tuple["_Nodes", ...]


_Simple = _Mark | _Text | _OneOf
_Nodes = tuple["_Simple | _Braces", ...]

_ANY_CHARACTER = _OneOf("[^/]")
_NEVER = _OneOf("(?!)")


@lru_cache(maxsize=256)
def parse(pattern: str) -> Glob:
    """Read a glob. Remembered, for the pages of a listing all come with the same pattern.

    :raises GlobError: a bracket or brace that is not closed, an empty class, a range that runs
        backwards, a backslash at the end, a character that no text in PostgreSQL can hold, more
        than 1,024 bytes, more than 64 alternatives (the combinations of all braces), or an
        expression that grows too long.
    """
    _check_characters(pattern)
    nodes = _Parser(pattern).parse()
    regex = _regex(nodes)
    if len(regex) > limits.REGEX_CHARACTERS:
        raise GlobError("The braces of this pattern are too complex.", 0)
    lower, upper = _bounds(nodes)
    return Glob(regex, lower, upper, _folder(nodes))


def upper_bound(prefix: str) -> str:
    """Return the smallest string above all that start with ``prefix``, in byte order of UTF-8.

    Where there is none (nothing, or nothing but U+10FFFF), a string above all names.
    """
    stem = prefix.rstrip(_LAST_CODE_POINT)
    if not stem:
        return _ABOVE_ALL_NAMES
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
    """What was read so far between two braces, or of the whole pattern."""

    position: int
    nodes: list[_Simple | _Braces]
    count: int  # alternatives in nodes
    branches: list[_Nodes]
    branches_count: int  # alternatives in branches

    @classmethod
    def opened_at(cls, position: int) -> "_Level":
        return cls(position, [], 1, [], 0)

    def add(self, node: _Simple) -> None:
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
    """Reads a pattern from left to right. A stack, not recursion: braces may nest deeply."""

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
                    levels[-1].add(self._simple(character, start))
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

    def _simple(self, character: str, start: int) -> _Simple:
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
                return _Mark.STAR if self.position - start == 1 else _Mark.DEEP
            case "\\":
                escaped = self._escaped(start)
                return _Mark.SLASH if escaped == "/" else _Text(escaped)
            case _:
                return _Text(character)

    def _escaped(self, start: int) -> str:
        if not self._peek():
            raise GlobError("Nothing follows this backslash.", start)
        return self._next()

    def _class(self, start: int) -> _Simple:
        negated = self._peek() == "!"
        if negated:
            self.position += 1
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


def _one_of(ranges: list[tuple[str, str]], negated: bool) -> _Simple:
    if negated:
        return _OneOf("[^/" + "".join(_bracket_range(*pair) for pair in ranges) + "]")
    allowed = [part for pair in ranges for part in _without_slash(*pair)]
    match allowed:
        case []:
            return _NEVER
        case [(lowest, highest)] if lowest == highest:
            return _Text(lowest)
        case _:
            return _OneOf("[" + "".join(_bracket_range(*pair) for pair in allowed) + "]")


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


class _State(Enum):
    """Where a translation stands; the value is what is due before the next character.

    Slashes are written late, with what follows them. So two that meet are one, the leading one
    is there without being given, ``**`` can wait for the slash that makes it whole folders,
    and what was written when a slash is due is the path of a folder.
    """

    SLASH = "/"
    INSIDE = ""
    DEEP = "/.*"


_ANY_FOLDERS = "(?:/[^/]+)*"


def _regex(nodes: _Nodes) -> str:
    ways = _translate(nodes, _State.SLASH)
    return f"^{_either([regex + state.value for state, regex in ways.items()])}$"


def _translate(nodes: _Nodes, state: _State) -> dict[_State, str]:
    """Return the regular expressions of all ways through ``nodes``, by the state they end in."""
    settled = ""  # common to all ways
    ways = {state: ""}
    for node in nodes:
        longer: dict[_State, list[str]] = {}
        for begin, regex in ways.items():
            for end, piece in _steps(node, begin):
                if piece == _ANY_FOLDERS and (settled + regex).endswith(_ANY_FOLDERS):
                    # Any folders and any folders are any folders; PostgreSQL would try them all.
                    longer.setdefault(end, []).append(regex)
                else:
                    longer.setdefault(end, []).append(regex + piece)
        ways = {end: _either(regexes) for end, regexes in longer.items()}
        if len(ways) == 1:
            ((end, regex),) = ways.items()
            settled += regex
            ways = {end: ""}
    return {end: settled + regex for end, regex in ways.items()}


def _steps(node: _Simple | _Braces, state: _State) -> Iterator[tuple[_State, str]]:
    if isinstance(node, _Braces):
        for branch in node.branches:
            yield from _translate(branch, state).items()
    else:
        yield _step(node, state)


def _step(node: _Simple, state: _State) -> tuple[_State, str]:
    match node, state:
        case _Mark.SLASH, _State.DEEP:
            return _State.SLASH, _ANY_FOLDERS
        case _Mark.SLASH, _:
            return _State.SLASH, ""
        case (_Mark.DEEP, _State.SLASH) | (_Mark.DEEP | _Mark.STAR, _State.DEEP):
            return _State.DEEP, ""
        case _Mark(), _:
            return _State.INSIDE, state.value + node.value
        case _:
            return _State.INSIDE, state.value + node.regex


def _either(regexes: list[str]) -> str:
    different = list(dict.fromkeys(regexes))
    return different[0] if len(different) == 1 else f"(?:{'|'.join(different)})"


def _folder(nodes: _Nodes) -> Folder | None:
    slashes = [index for index, node in enumerate(nodes) if node is _Mark.SLASH]
    split = slashes[-1] + 1 if slashes else 0
    folders, segment = nodes[:split], nodes[split:]
    if _holds(segment, _Mark.SLASH) or _holds(segment, _Mark.DEEP):
        return None
    (regex,) = _translate(folders, _State.SLASH).values()
    lower, upper = _bounds(folders, may_end_before_slash=True)
    file_lower, file_upper = _bounds(segment)
    return Folder(f"^{regex}$", lower, upper, _depth(folders), file_lower, file_upper)


def _holds(nodes: _Nodes, mark: _Mark) -> bool:
    return any(
        any(_holds(branch, mark) for branch in node.branches)
        if isinstance(node, _Braces)
        else node is mark
        for node in nodes
    )


def _depth(folders: _Nodes) -> int | None:
    if _holds(folders, _Mark.DEEP):
        return None
    return max(_count_segments(alternative) for alternative in _alternatives(folders))


def _count_segments(nodes: tuple[_Simple, ...]) -> int:
    count, state = 0, _State.SLASH
    for node in nodes:
        before, (state, _) = state, _step(node, state)
        count += before is _State.SLASH and state is _State.INSIDE
    return count


def _bounds(nodes: _Nodes, *, may_end_before_slash: bool = False) -> tuple[str, str]:
    ranges = [
        _literal_range(alternative, may_end_before_slash) for alternative in _alternatives(nodes)
    ]
    return min(lower for lower, _ in ranges), max(upper for _, upper in ranges)


def _literal_range(nodes: tuple[_Simple, ...], may_end_before_slash: bool) -> tuple[str, str]:
    """Return the bounds of all that ``nodes`` match, from the characters they begin with."""
    text = ""
    state = _State.SLASH
    for node in nodes:
        before, (state, _) = state, _step(node, state)
        if state is _State.DEEP:
            return text if may_end_before_slash else f"{text}/", upper_bound(f"{text}/")
        if state is _State.INSIDE:
            text += before.value
            if not isinstance(node, _Text):
                return text, upper_bound(text)
            text += node.text
    if not may_end_before_slash:
        text += state.value
    return text, text + LOWEST_CHARACTER


def _alternatives(nodes: _Nodes) -> Iterator[tuple[_Simple, ...]]:
    """Multiply the braces out; the parser has seen to it that there are few alternatives."""
    choices = [
        [way for branch in node.branches for way in _alternatives(branch)]
        if isinstance(node, _Braces)
        else [(node,)]
        for node in nodes
    ]
    for choice in product(*choices):
        yield tuple(node for part in choice for node in part)
