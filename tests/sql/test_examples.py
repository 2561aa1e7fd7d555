"""The examples in the heads are the parameters that the service sends, derived from its code."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import orjson
import pytest

from dreamlake_assets.database.heads import FILES, Head
from dreamlake_assets.model import globs
from dreamlake_assets.model.kinds import KINDS
from dreamlake_assets.model.names import folders
from dreamlake_assets.schemas import requests
from dreamlake_assets.store import listing, places
from dreamlake_assets.store.asset import _digest
from dreamlake_assets.store.lists import Listing

#: The registration that the examples describe.
ASSET = Head("asset/insert_once").examples
ROW_LIMIT = 100

#: The filters of the lists of a project. The lists of an episode also have the episode.
FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"prefix": "/camera"},
    {"glob": globs.parse("/camera/**.mp4")},
    # The filters from here on have statements of all kinds, too.
    {"glob": globs.parse("/camera/*/run01.mp4")},
    {"tags": ["night", "rain"]},
    {"created_after": "2026-04-14T00:00:00Z", "created_before": "2026-04-15T00:00:00Z"},
)


def as_text(value: object) -> str | None:
    """A parameter as PostgreSQL reads a literal of its type."""
    if isinstance(value, list):
        return f"{{{','.join(value)}}}"
    return None if value is None else str(value)


def sent(found: Listing) -> tuple[str, dict[str, str | None]]:
    """The statement that the service chooses for the first page of a list, and its parameters."""
    parameters = {**found.parameters, "row_limit": ROW_LIMIT}
    needed = Head(found.statement).examples
    return found.statement, {key: as_text(parameters[key]) for key in needed}


def listings() -> Iterator[Listing]:
    """The lists that the examples describe."""
    subject, namespace, project = (str(ASSET[key]) for key in ("subject", "namespace", "project"))
    same: dict[str, Any] = {"digests": ["3f" * 32], "tags": ["night", "rain"]}
    assets = partial(listing.assets, subject=subject, after=None)
    for episodes in ([], [str(ASSET["episode"])]):
        for each in FILTERS:
            filters = listing.Filters(namespace, project, episodes, **each)
            yield assets(kinds=[KINDS["video"]], filters=filters, paged=True)
        for more in ({}, *FILTERS[3:], {**same, "deleted": "only"}):
            filters = listing.Filters(namespace, project, episodes, **more)
            yield assets(kinds=[*KINDS.values()], filters=filters, paged=True)
        filters = listing.Filters(namespace, project, episodes)
        yield assets(kinds=[*KINDS.values()], filters=filters, paged=False)
        filters = listing.Filters(namespace, project, episodes, **same)
        yield assets(kinds=[*KINDS.values()], filters=filters, paged=False)
    of_project = {"subject": subject, "namespace": namespace, "project": project, "after": None}
    yield places.projects(subject=subject, namespace=namespace, prefix="ro", after=None)
    yield places.episodes(**of_project, prefix=None, glob=globs.parse("run-*"), name=None)
    for episode in (None, ASSET["episode"]):
        yield places.folders(**of_project, episode=episode, episode_id=None, parent="/camera")


LISTS = dict(map(sent, listings()))


def test_each_list_is_reached_by_a_request() -> None:
    of_commands = {name for name in FILES if name.startswith(("namespace", "schema_migration"))}
    lists = [name for name in FILES if re.search("/(list|keys|stream)_", name)]
    assert sorted(LISTS) == [name for name in lists if name not in of_commands]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_has_the_parameters_of_its_request(name: str) -> None:
    assert Head(name).examples == LISTS[name]


@pytest.mark.parametrize("name", ["asset/insert", "asset/insert_once"])
def test_an_asset_is_in_the_innermost_folder_of_its_name(name: str) -> None:
    examples = Head(name).examples
    assert examples["folder"] == folders(str(examples["name"]))[-1]


def test_a_folder_is_made_after_its_parent() -> None:
    examples = Head("node/upsert").examples
    assert [examples["parent"], examples["path"]] == folders(str(ASSET["name"]))


def test_the_digest_is_that_of_the_request() -> None:
    kind = KINDS[str(ASSET["kind"])]
    body = {
        "namespace": ASSET["namespace"],
        "project": ASSET["project"],
        "episodeName": ASSET["episode"],
        "name": ASSET["name"],
        kind.bss_field: ASSET["bss_id"],
        "fps": float(str(ASSET["fps"])),
        "lens": ASSET["lens"],
        "tags": str(ASSET["tags"]).strip("{}").split(","),
        "metadata": orjson.loads(str(ASSET["metadata"])),
    }
    asset = requests.load(requests.REGISTER[kind.name], body)
    assert ASSET["request_digest"] == _digest(kind, asset)


def test_a_parameter_has_one_example_in_all_files() -> None:
    """Except a parameter that the service derives from the request, and except null.

    An inserted asset is new, and a found one is in the database of tests/plans.
    """
    derived = {"after_name", "from_name", "upper_name", "regex", "created_after", "created_before"}
    own = {*derived, "asset_id", "row_limit", "episode_ids", "kinds"}
    found: dict[str, set[str]] = {}
    for name in set(FILES) - {"schema_migration/insert"}:
        for key, example in Head(name).examples.items():
            if key not in own and example is not None:
                found.setdefault(key, set()).add(example)
    assert {key: examples for key, examples in found.items() if len(examples) > 1} == {}
