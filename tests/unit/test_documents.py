"""What README.md and the other documents point to is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = ["README.md", "SECURITY.md", "CHANGELOG.md", "sql/README.md"]

#: [words](address), not of another site.
_LINK = re.compile(r"\]\((?!https?://)([^)#]*)#?([^)]*)\)")
#: `tests/api/test_tokens.py::test_it` and the like: what is in a folder of this repository.
_PATH = re.compile(r"`((?:deploy|dreamlake_assets|sql|tests)/[\w./-]*)(?:::(\w+))?`")


def anchors(document: Path, marks: str = "#+") -> set[str]:
    """What the headings of a document can be linked by, as GitHub and GitLab make it of them."""
    headings = re.findall(f"^{marks} (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    document = ROOT / name
    for path, anchor in _LINK.findall(document.read_text("utf-8")):
        target = document.parent / path if path else document
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), anchor


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_and_tests_that_are_named_are_there(name: str) -> None:
    for path, test in _PATH.findall((ROOT / name).read_text("utf-8")):
        assert (ROOT / path).exists(), path
        assert not test or re.search(rf"(?:def|class) {test}\b", (ROOT / path).read_text()), test


def test_the_readme_begins_with_a_way_to_every_section() -> None:
    beginning = (ROOT / "README.md").read_text("utf-8").partition("\n## ")[0]
    linked = {anchor for path, anchor in _LINK.findall(beginning) if not path}
    sections = anchors(ROOT / "README.md", marks="##")
    assert "for-dbas" in sections
    assert sections <= linked
