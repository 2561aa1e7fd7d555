"""The documents refer to files, sections, tests and names that exist."""

import re
from pathlib import Path

import orjson
import pytest

from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.schemas import openapi

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "deploy/README.md",
    "sql/README.md",
    "tests/bench/README.md",
    "tests/faults/README.md",
]

#: As counted by ``wc -w``: a reader should understand the service in five minutes.
MAXIMUM_README_WORDS = 1_500

#: [words](address), unless the address is on another site.
_LINK = re.compile(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)")
#: `tests/api/test_tokens.py::test_it` and the like: a path in a folder of this repository.
_PATH = re.compile(r"`((?:\.ci|deploy|dreamlake_assets|sql|tests)/[\w./-]*)(?:::(\w+))?`")

every_document = pytest.mark.parametrize("name", DOCUMENTS)


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def anchors(document: Path, marks: str = "#+") -> set[str]:
    """The anchors of the headings of a document, as GitHub and GitLab generate them."""
    headings = re.findall(f"^{marks} (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def rows(name: str, heading: str) -> list[list[str]]:
    """The cells of each row of the first table below a heading, without its header row."""
    section = text(name).partition(f"\n{heading}\n")[2].partition("\n#")[0]
    table = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)[0]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]


@every_document
def test_links_lead_somewhere(name: str) -> None:
    document = ROOT / name
    for path, anchor in _LINK.findall(text(name)):
        target = document.parent / path if path else document
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), anchor


@every_document
def test_files_and_tests_that_are_named_are_there(name: str) -> None:
    for path, test in _PATH.findall(text(name)):
        assert (ROOT / path).exists(), path
        assert not test or re.search(rf"(?:def|class) {test}\b", text(path)), test


def test_every_document_is_held_to_these_tests() -> None:
    found = [*ROOT.glob("*.md")]
    for folder in ("deploy", "dreamlake_assets", "sql", "tests"):
        found += (ROOT / folder).rglob("*.md")
    assert {str(path.relative_to(ROOT)) for path in found} == set(DOCUMENTS)


def test_the_readme_begins_with_a_way_to_every_section_and_every_document() -> None:
    beginning = text("README.md").partition("\n## ")[0]
    links = _LINK.findall(beginning)
    assert anchors(ROOT / "README.md", marks="##") <= {anchor for _, anchor in links}
    assert set(DOCUMENTS) - {"README.md"} <= {path for path, _ in links}


def test_the_readme_is_short() -> None:
    assert len(text("README.md").split()) <= MAXIMUM_README_WORDS


def test_the_readme_has_every_endpoint() -> None:
    of_kind = re.compile(rf"^/assets/({'|'.join(KINDS)})(?=/|$)")
    documented = {
        f"{method.upper()} {of_kind.sub('/assets/<kind>', path)}"
        for path, methods in orjson.loads(openapi.document())["paths"].items()
        for method in methods
    }
    requests = [re.split(r"[`?]", request)[1] for request, _ in rows("README.md", "## HTTP")]
    assert sorted(requests) == sorted(each.replace("{asset_id}", "<id>") for each in documented)
