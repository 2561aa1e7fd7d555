"""sql/README.md agrees with the heads of the files."""

import re

from dreamlake_assets.database.heads import FILES, Head
from tests.support.overview import README, table, written

TEXT = README.read_text("utf-8")


def test_the_table_of_statements_is_that_of_their_heads() -> None:
    assert written(TEXT) == table(), "run `make schema`"


def test_the_heads_refer_to_each_reason_and_to_no_other() -> None:
    _, _, reasons = TEXT.partition("\n## Why the statements look as they do\n")
    headings = re.findall(r"^### (.+)$", reasons.partition("\n## ")[0], re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}
    heads = " ".join(Head(name).words("Why") for name in FILES if "Why" in Head(name).sections)
    assert set(re.findall(r"#([\w-]+)", heads)) == anchors
