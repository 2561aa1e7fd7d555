"""sql/README.md says what the heads of the files say."""

from tests.support.overview import README, table, written


def test_the_table_of_statements_is_that_of_their_heads() -> None:
    assert written(README.read_text("utf-8")) == table(), "run `make schema`"
