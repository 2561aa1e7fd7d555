"""The statements of a project and of an episode differ only by the episode."""

import re
from collections.abc import Iterable

import pytest

from dreamlake_assets.database.heads import FILES, Head
from dreamlake_assets.database.queries import query

#: The name of the statement of an episode, by the name of that of a project.
TWINS = {
    name.replace("_episode", "" if "_episode_" in name else "_project"): name
    for name in FILES
    if name.startswith("asset/") and "_episode" in name
}

OF_PLACES = "asset/(list_by_|stream_by_|keys_by_(?!digest))"

#: The episodes of a statement, as a pattern.
SCOPES = r"unnest\(place\.episode_ids\) AS scope \(episode_id\)"

#: Turns the statement of an episode into that of a project.
WITHOUT_EPISODE = (
    # The lookup of several.
    (r"^ *CROSS JOIN LATERAL \(\n *SELECT array_agg\(episode.*?\) AS asked\n", ""),
    (r",\n *asked\.episode_ids$", ""),
    (r"^ *WHEN coalesce\(cardinality\(place\.episode_ids.*? THEN 'episode'\n", ""),
    (rf"FROM {SCOPES}\n *CROSS JOIN unnest", "FROM unnest"),
    (r"\basset\.episode_id = scope\.episode_id$", "asset.space_id = place.space_id"),
    (r"\basset\.episode_id = place\.episode_ids\[1\]$", "asset.space_id = place.space_id"),
    (r"^ *AND few\.episode_id = any\(place\.episode_ids\)\n", ""),
    # The lookup by name and by id.
    (r"^ *LEFT JOIN LATERAL \(\n *SELECT by_name.*?\) AS episode\n *ON TRUE\n", ""),
    # The answer that it is missing.
    (r"^ *WHEN \w+\.episode_id IS NULL THEN 'episode'\n", ""),
    # Its id, and the comparison of assets with it.
    (r",\n *\w+\.episode_id$", ""),
    (r"^ *AND few\.episode_id = place\.episode_id\n", ""),
    (r"\basset\.episode_id = episode\.episode_id$", "asset.space_id = space.space_id"),
    (r"\basset\.episode_id = place\.episode_id$", "asset.space_id = place.space_id"),
)

#: Removes the search for folders, which differs: the index has each path once for an episode, but
#: once for each episode of a project.
WITHOUT_FOLDERS = (
    (r"^WITH RECURSIVE place", "WITH place"),
    (r",\n\nfolder AS \(\n.*?^\)", ""),
    (rf"FROM {SCOPES}\n *CROSS JOIN LATERAL \(\n *SELECT ''::text.*?\) AS folder$", "FROM folder"),
    (r"FROM \(\n *SELECT ''::text.*?\) AS folder$", "FROM folder"),
    (r"^ *WITH RECURSIVE child AS \(\n.*?^        \)\n\n", ""),
    (r"FROM (?:node AS )?child\n(?: *(?:WHERE|AND) [^\n]*\n)+", "FROM child\n"),
)


def statement(name: str, *rules: Iterable[tuple[str, str]]) -> str:
    """A statement without the name of its file, rewritten by rules."""
    text = query(name).decode().replace(f" /* {name} */", "").removeprefix(f"/* {name} */\n")
    for rule in rules:
        for pattern, replacement in rule:
            text = re.sub(pattern, replacement, text, flags=re.DOTALL | re.MULTILINE)
    return text


def test_every_statement_of_an_episode_has_a_twin() -> None:
    twins = {name for name in FILES if re.match(OF_PLACES, name)}
    assert {*TWINS, *TWINS.values()} == twins
    assert len(twins) == 2 * len(TWINS)


@pytest.mark.parametrize("name", TWINS)
def test_twins_differ_by_the_episode(name: str) -> None:
    folders = WITHOUT_FOLDERS if "folder" in name else ()
    assert statement(TWINS[name], WITHOUT_EPISODE, folders) == statement(name, folders)


@pytest.mark.parametrize("name", TWINS)
def test_twins_have_the_same_parameters(name: str) -> None:
    of_project = [each for each in Head(name).parameters if each.name != "folder_depth"]
    of_episode = Head(TWINS[name]).parameters
    assert [each for each in of_episode if not each.name.startswith("episode")] == of_project
    assert len(of_episode) == len(of_project) + 2
