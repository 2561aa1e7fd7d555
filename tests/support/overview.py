"""The table of statements in sql/README.md."""

import re

from dreamlake_assets.database.heads import FILES, Head
from dreamlake_assets.database.queries import SQL_DIRECTORY

README = SQL_DIRECTORY / "README.md"

_TABLE = re.compile(r"(?<=<!-- begin: statements -->\n).*(?=<!-- end: statements -->)", re.DOTALL)


def table() -> str:
    """The table, with a row from the head of each file."""
    rows = ["| statement | route | index |", "|---|---|---|"]
    for name in FILES:
        head = Head(name)
        words = head.words("Index")
        indexes = [word for word in re.findall(r"\w+", words) if word in head.indexes]
        named = ", ".join(f"`{index}`" for index in dict.fromkeys(indexes))
        route = head.words("Route").replace("<", "&lt;")
        rows.append(f"| [{name}]({name}.sql) | {route} | {named or words.partition(':')[0]} |")
    return "\n".join(rows) + "\n"


def written(text: str) -> str:
    """The table in the text of the README."""
    [found] = _TABLE.findall(text)
    return found


def write() -> None:
    """Regenerate the table in the README."""
    README.write_text(_TABLE.sub(lambda _: table(), README.read_text("utf-8")), "utf-8")
