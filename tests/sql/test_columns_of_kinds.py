"""Each column of a field is in every statement and view that needs it; a test lists the others."""

import re
from collections.abc import Iterator, Sequence

from dreamlake_assets.database.heads import FILES
from dreamlake_assets.database.queries import query
from dreamlake_assets.model.kinds import _OWN_COLUMNS, COMMON_FIELDS, KINDS
from tests.support.schema import SCHEMA_FILE


def count(column: str, text: str) -> int:
    """How often a column is named, except as the name of an expression."""
    return len(re.findall(rf"(?<! AS )\b{column}\b", text))


def part_of_the_schema(pattern: str) -> str:
    """The match of a pattern in sql/schema.sql; empty without a match."""
    found = re.search(pattern, SCHEMA_FILE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return found[0] if found else ""


def lacking(own: Sequence[str]) -> Iterator[str]:
    """The places without a column: a file or a part of the schema, and the column.

    :param own: the columns that only one kind has.
    """
    columns = [*own, *COMMON_FIELDS]
    for name in FILES:
        # A statement names all of them equally often, or none that only one kind has.
        counts = {column: count(column, query(name).decode()) for column in columns}
        if not any(counts[each] for each in own):
            continue
        yield from (f"{name}: {each}" for each in columns if counts[each] < max(counts.values()))
    for part, pattern, needed in (
        ("table asset", r"^CREATE TABLE asset \(.*?CONSTRAINT", columns),
        ("its constraint", r"CONSTRAINT asset_has_the_fields_of_its_kind .*?^END", own),
    ):
        text = part_of_the_schema(pattern)
        yield from (f"{part}: {each}" for each in needed if not count(each, text))
    for kind in KINDS.values():
        view = kind.name.replace("-", "_")
        text = part_of_the_schema(rf"^CREATE VIEW {view} .*?;")
        needed = [*kind.own_fields, *COMMON_FIELDS] if text else ["the whole view"]
        yield from (f"view {view}: {each}" for each in needed if not count(each, text))


def test_nothing_lacks_a_column_of_a_kind() -> None:
    assert list(lacking(_OWN_COLUMNS)) == []


def test_each_place_that_lacks_a_new_column_is_listed() -> None:
    places = [each.partition(":")[0] for each in lacking([*_OWN_COLUMNS, "duration"])]
    lists = {name for name in FILES if name.startswith("asset/list_")}
    inserts = {name for name in FILES if name.startswith("asset/insert")}
    whole = {"asset/find_by_id", "asset/restore", "asset/update"}
    whole |= {"asset/view_item", "asset/view_full"}
    assert lists | whole | inserts < {*places}
    assert len(places) == len(lists | whole | inserts) + 2
