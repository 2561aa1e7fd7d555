"""Validation and normalisation of names."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dreamlake_assets.model.names import (
    InvalidName,
    check_episode,
    check_slug,
    check_text,
    folders,
    normalise,
)

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40)
SEGMENTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=20
).filter(lambda segment: segment not in (".", ".."))
SLASHES = st.integers(1, 3).map(lambda count: "/" * count)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A name as a client may write it, and its segments."""
    segments = draw(st.lists(SEGMENTS, min_size=1, max_size=12))
    text = draw(st.sampled_from(["", "/", "//"]))
    text += "".join(segment + draw(SLASHES) for segment in segments[:-1]) + segments[-1]
    return text, segments


@given(written())
def test_normalising_keeps_the_segments(case: tuple[str, list[str]]) -> None:
    text, segments = case

    assert normalise(text) == "/" + "/".join(segments)


@given(TEXTS)
def test_normalising_again_changes_nothing(text: str) -> None:
    try:
        name = normalise(text)
    except InvalidName:
        assume(False)
    else:
        assert normalise(name) == name


@given(st.text(max_size=60))
def test_any_text_is_normalised_or_refused(text: str) -> None:
    try:
        name = normalise(text)
    except InvalidName:
        return
    else:
        assert name.startswith("/")
        assert not name.endswith("/")
        assert "//" not in name
        assert check_text(name).replace("/", "") == text.replace("/", "")


@given(written())
def test_folders_are_the_proper_prefixes(case: tuple[str, list[str]]) -> None:
    text, segments = case
    name = normalise(text)

    assert folders(name) == ["/" + "/".join(segments[:count]) for count in range(1, len(segments))]
    for outer, inner in zip(folders(name), [*folders(name)[1:], name], strict=False):
        assert inner.startswith(f"{outer}/")
        assert "/" not in inner.removeprefix(f"{outer}/")


def test_no_name_has_no_folders() -> None:
    assert folders(None) == []
    assert folders("/file") == []


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True))
def test_a_slug_is_unchanged(slug: str) -> None:
    assert check_slug(slug) == slug


@pytest.mark.parametrize("slug", ["", "-a", ".a", "_a", "a/b", "a b", "a\n", "é", "a" * 129, "²"])
def test_what_is_no_slug(slug: str) -> None:
    with pytest.raises(InvalidName):
        check_slug(slug)


@given(st.integers(0, 0x1F) | st.integers(0x7F, 0x9F) | st.integers(0xD800, 0xDFFF), TEXTS)
def test_characters_that_no_text_may_have(code: int, text: str) -> None:
    for bad in (chr(code) + text, text + chr(code)):
        for check in (check_text, check_episode, normalise, check_slug):
            with pytest.raises(InvalidName):
                check(bad)
