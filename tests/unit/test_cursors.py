"""Cursors: the service reads those it wrote and refuses all others."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamlake_assets import limits
from dreamlake_assets.model.cursors import ABOVE_ALL_NAMES, Cursors, InvalidCursor, Position

CURSORS = Cursors(b"key")
FILTERS = {"namespace": "testuser", "project": "robotics", "prefix": "/camera"}
ID = "01970000-0000-7000-8000-000000000001"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.none() | TEXTS, st.uuids().map(str), st.dictionaries(TEXTS, TEXTS))
def test_what_is_written_is_read(name: str | None, item_id: str, filters: dict[str, str]) -> None:
    position = Position(name, item_id)

    cursor = CURSORS.write(position, filters)

    assert Cursors(b"key").read(cursor, dict(reversed(filters.items()))) == position
    # A cursor goes into a URL and a header unescaped.
    assert cursor.isascii()
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


@pytest.mark.parametrize(
    "letters",
    ["".join(map(chr, range(0x20, 0x7F))), '"\\abc', "".join(map(chr, range(0xA0, 0x3000)))],
    ids=["ASCII", "escapes", "more"],
)
def test_the_cursor_of_the_longest_name_is_within_the_limit(letters: str) -> None:
    random = Random(1)
    for _ in range(100):
        name = "".join(random.choices(letters, k=limits.NAME_BYTES))
        name = name.encode()[: limits.NAME_BYTES].decode(errors="ignore")

        assert len(CURSORS.write(Position(name, ID), FILTERS)) <= limits.CURSOR


def test_the_cursor_of_the_longest_name_of_an_episode_is_within_the_limit() -> None:
    random = Random(1)
    for _ in range(100):
        name = "".join(map(chr, random.choices(range(0x10000, 0x110000), k=512)))

        assert len(CURSORS.write(Position(name, ID), FILTERS)) <= limits.EPISODE_CURSOR


@given(st.text())
def test_what_was_not_written_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        CURSORS.read(text, FILTERS)


@given(st.data())
def test_what_was_altered_is_refused(data: st.DataObject) -> None:
    cursor = CURSORS.write(Position("/camera/front", ID), FILTERS)
    place = data.draw(st.integers(0, len(cursor) - 2))
    character = data.draw(st.sampled_from("Ab0-_").filter(lambda each: each != cursor[place]))

    with pytest.raises(InvalidCursor):
        CURSORS.read(cursor[:place] + character + cursor[place + 1 :], FILTERS)


@pytest.mark.parametrize(
    "filters",
    [{}, {**FILTERS, "prefix": "/camera/"}, {**FILTERS, "glob": ""}, {**FILTERS, "project": "x"}],
    ids=["none", "another value", "one more", "another project"],
)
def test_it_belongs_to_its_filters(filters: dict[str, str]) -> None:
    cursor = CURSORS.write(Position("/camera/front", ID), FILTERS)

    with pytest.raises(InvalidCursor):
        CURSORS.read(cursor, filters)


def test_it_belongs_to_its_key() -> None:
    cursor = CURSORS.write(Position("/camera/front", ID), FILTERS)

    with pytest.raises(InvalidCursor):
        Cursors(b"other").read(cursor, FILTERS)


def test_its_key_can_be_changed() -> None:
    position = Position("/camera/front", ID)
    changed = Cursors(b"new", b"key")

    assert changed.read(CURSORS.write(position, FILTERS), FILTERS) == position
    assert Cursors(b"new").read(changed.write(position, FILTERS), FILTERS) == position
    with pytest.raises(InvalidCursor):
        changed.read(Cursors(b"other").write(position, FILTERS), FILTERS)


@given(TEXTS)
def test_nothing_is_above_what_is_above_all_names(text: str) -> None:
    assert f"/{text}".encode() < ABOVE_ALL_NAMES.encode()
