"""Lists of assets: the choice of the statement and of its parameters for the given filters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dreamlake_assets.model.cursors import ABOVE_ALL_NAMES, FIRST_ID, Position
from dreamlake_assets.model.globs import LOWEST_CHARACTER, Folder, Glob, upper_bound
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.store.lists import Listing


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a list. An asset is listed if it matches all that are given.

    :param episode: name of an episode.
    :param episode_id: id of an episode, instead of its name.
    :param prefix: start of the name; ignored if a glob is given.
    :param tags: tags; an asset must have all of them.
    :param created_after: earliest creation time, inclusive, in UTC.
    :param created_before: latest creation time, exclusive, in UTC.
    """

    namespace: str
    project: str
    episode: str | None = None
    episode_id: str | None = None
    prefix: str | None = None
    glob: Glob | None = None
    tags: Sequence[str] = ()
    created_after: str | None = None
    created_before: str | None = None


def assets(*, kind: Kind, subject: str, filters: Filters, after: Position | None) -> Listing:
    """List the assets of a kind, ordered by name and then by id.

    A row has the columns of ``LISTED_COLUMNS``.

    :param after: last asset of the page before; None for the first page.
    """
    return Listing(*_statement(kind, subject, filters, after))


def _statement(
    kind: Kind, subject: str, filters: Filters, after: Position | None
) -> tuple[str, dict[str, Any]]:
    """Return the name and the parameters of the statement that serves the filters."""
    of_episode = filters.episode is not None or filters.episode_id is not None
    by_episode = "_episode" if of_episode else ""
    parameters: dict[str, Any] = {
        "namespace": filters.namespace,
        "subject": subject,
        "project": filters.project,
        "kind": kind.name,
    }
    if of_episode:
        parameters |= {"episode": filters.episode, "episode_id": filters.episode_id}
    if filters.tags or filters.created_after or filters.created_before:
        return _filtered_listing(by_episode, parameters, filters, after)
    if filters.glob is not None:
        return _glob_listing(by_episode, parameters, filters.glob, after)
    if filters.prefix is not None:
        parameters |= _between(filters.prefix, upper_bound(filters.prefix), after)
        return f"asset/list_by{by_episode}_prefix", parameters
    return f"asset/list_by{by_episode or '_project'}", parameters | _after(after)


def _after(after: Position | None) -> dict[str, str]:
    """Return where to start among the named assets, and among the unnamed ones."""
    if after is None:
        return {"after_name": "", "after_id": FIRST_ID, "after_unnamed_id": FIRST_ID}
    if after.name is None:
        return {
            "after_name": ABOVE_ALL_NAMES,
            "after_id": FIRST_ID,
            "after_unnamed_id": after.item_id,
        }
    return {
        "after_name": after.name,
        "after_id": after.item_id,
        "after_unnamed_id": FIRST_ID,
    }


def _filtered_listing(
    by_episode: str, parameters: dict[str, Any], filters: Filters, after: Position | None
) -> tuple[str, dict[str, Any]]:
    """Return the statement for a list by tags or by time; other filters are conditions in it."""
    parameters |= {
        **_after(after),
        "upper_name": ABOVE_ALL_NAMES,
        "regex": "",
        "created_after": filters.created_after or "-infinity",
        "created_before": filters.created_before or "infinity",
    }
    if filters.glob is not None:
        parameters |= _between(filters.glob.lower, filters.glob.upper, after)
        parameters["regex"] = filters.glob.regex
    elif filters.prefix is not None:
        parameters |= _between(filters.prefix, upper_bound(filters.prefix), after)
    if filters.glob is not None or filters.prefix is not None:
        # An asset without a name matches no prefix and no glob.
        parameters["after_unnamed_id"] = None
    if filters.tags:
        parameters["tags"] = list(filters.tags)
        return f"asset/list_by{by_episode}_tag", parameters
    return f"asset/list_by{by_episode}_created_at", parameters


def _from(lower: str, after: Position | None) -> dict[str, str]:
    """Return where to start: at the lower bound of the names, or after the page before."""
    if after is None or after.name is None:
        return {"after_name": lower, "after_id": FIRST_ID}
    return {"after_name": after.name, "after_id": after.item_id}


def _between(lower: str, upper: str, after: Position | None) -> dict[str, str]:
    """Return the part of a range of names that comes after the page before."""
    return {**_from(lower, after), "upper_name": upper}


def _glob_listing(
    by_episode: str, parameters: dict[str, Any], glob: Glob, after: Position | None
) -> tuple[str, dict[str, Any]]:
    parameters["regex"] = glob.regex
    folder = glob.folder
    if folder is None or not _folders_narrow(folder):
        parameters |= _between(glob.lower, glob.upper, after)
        return f"asset/list_by{by_episode}_glob", parameters
    parameters |= {
        **_from(glob.lower, after),
        "folder_regex": folder.regex,
        "folder_lower": folder.lower,
        "folder_upper": folder.upper,
        "file_lower": folder.file_lower,
        "file_upper": folder.file_upper,
    }
    if not by_episode:
        parameters["folder_depth"] = folder.depth
    return f"asset/list_by{by_episode}_folder_glob", parameters


def _folders_narrow(folder: Folder) -> bool:
    """Return whether reading folder by folder reads fewer rows than the bounds of the glob select.

    It does not if the glob names one folder and one file, because the bounds are as narrow, nor if
    it allows any folder and any file.
    """
    one_folder = folder.upper == folder.lower + LOWEST_CHARACTER
    one_file = folder.file_upper == folder.file_lower + LOWEST_CHARACTER
    any_path = folder.depth is None and folder.file_lower == "/"
    return not ((one_folder and one_file) or any_path)
