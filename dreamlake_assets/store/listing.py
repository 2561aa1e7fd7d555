"""Lists of assets: the choice of the statement and of its parameters for the given filters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dreamlake_assets.model.cursors import ABOVE_ALL_NAMES, FIRST_ID, Position
from dreamlake_assets.model.globs import LOWEST_CHARACTER, Folder, Glob, upper_bound
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.store.lists import FULL, ITEM, Listing


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a list. An asset is listed if it matches all that are given.

    :param episodes: names of episodes; an asset must be in one of them.
    :param episode_ids: ids of episodes, instead of their names.
    :param prefix: start of the name; ignored if a glob is given.
    :param name: the whole name.
    :param tags: tags; an asset must have all of them.
    :param created_after: earliest creation time, inclusive, in UTC.
    :param created_before: latest creation time, exclusive, in UTC.
    :param digests: SHA-256 digests, in hexadecimal; an asset must have one of them.
    :param deleted: ``only`` to list deleted assets instead of live ones.
    """

    namespace: str
    project: str
    episodes: Sequence[str] = ()
    episode_ids: Sequence[str] = ()
    prefix: str | None = None
    glob: Glob | None = None
    name: str | None = None
    tags: Sequence[str] = ()
    created_after: str | None = None
    created_before: str | None = None
    digests: Sequence[str] = ()
    deleted: str | None = None


@dataclass(frozen=True, slots=True)
class _Names:
    """The names that match the filters: those within bounds that match a regular expression.

    :param folder: the folders of a glob, if reading folder by folder reads fewer rows.
    :param all: whether every asset matches, also one without a name.
    """

    lower: str = ""
    upper: str = ABOVE_ALL_NAMES
    regex: str = ""
    folder: Folder | None = None
    all: bool = True


def assets(
    *,
    kinds: Sequence[Kind],
    subject: str,
    filters: Filters,
    after: Position | None,
    paged: bool,
    view: str | None = None,
) -> Listing:
    """List assets, ordered by name and then by id.

    :param kinds: the kinds of the assets.
    :param after: last asset of the page before; None for the first page.
    :param paged: whether one page is read, or all assets as they arrive.
    :param view: ``ITEM`` or ``FULL`` for the columns of that statement; None, for one kind only,
        for those of ``LISTED_COLUMNS``.
    """
    names = _names(filters)
    access = _access(filters, names)
    episodes = len(filters.episodes) + len(filters.episode_ids)
    if len(kinds) > 1 or episodes > 1 or view == ITEM or access in ("digest", "deleted"):
        view = view or ITEM
        # Bounds and expressions are parameters of each of these statements.
        access = "" if access in ("prefix", "glob") else access
        verb = "keys" if paged or access else "stream"
    else:
        verb = "list"
    statement = _statement(verb, access, of_episode=episodes > 0)
    # A statement takes the parameters that it names; psycopg ignores the others.
    return Listing(statement, _parameters(kinds, subject, filters, names, after), view)


def _access(filters: Filters, names: _Names) -> str:
    """Return the access path of a list, as it is in the names of statements."""
    candidates = {
        "deleted": filters.deleted is not None,
        "digest": filters.digests,
        "tag": filters.tags,
        "created_at": filters.created_after or filters.created_before,
        "folder_glob": names.folder,
        "glob": names.regex,
        "prefix": not names.all,
    }
    return next((access for access, applies in candidates.items() if applies), "")


def _statement(verb: str, access: str, *, of_episode: bool) -> str:
    if access == "digest":
        return "asset/keys_by_digest"
    parts = [verb, "by", *(["episode"] if of_episode else []), *([access] if access else [])]
    return f"asset/{'_'.join(parts if len(parts) > 2 else [*parts, 'project'])}"


def _names(filters: Filters) -> _Names:
    if filters.glob is not None:
        glob = filters.glob
        folder = glob.folder if glob.folder and _folders_narrow(glob.folder) else None
        names = _Names(glob.lower, glob.upper, glob.regex, folder, all=False)
    elif filters.prefix is not None:
        names = _Names(filters.prefix, upper_bound(filters.prefix), all=False)
    else:
        names = _Names()
    if filters.name is None:
        return names
    lower = max(names.lower, filters.name)
    upper = min(names.upper, filters.name + LOWEST_CHARACTER)
    return _Names(lower, upper, names.regex, all=False)


def _parameters(
    kinds: Sequence[Kind],
    subject: str,
    filters: Filters,
    names: _Names,
    after: Position | None,
) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "namespace": filters.namespace,
        "subject": subject,
        "project": filters.project,
        "kind": kinds[0].name,
        "kinds": [kind.name for kind in kinds],
        "episode": next(iter(filters.episodes), None),
        "episode_id": next(iter(filters.episode_ids), None),
        "episodes": list(filters.episodes),
        "episode_ids": list(filters.episode_ids),
        "tags": list(filters.tags),
        "created_after": filters.created_after or "-infinity",
        "created_before": filters.created_before or "infinity",
        "digests": list(filters.digests),
        "upper_name": names.upper,
        "regex": names.regex,
        **_start(names, after),
    }
    if names.folder is not None:
        parameters |= {
            "folder_regex": names.folder.regex,
            "folder_lower": names.folder.lower,
            "folder_upper": names.folder.upper,
            "folder_depth": names.folder.depth,
            "file_lower": names.folder.file_lower,
            "file_upper": names.folder.file_upper,
        }
    return parameters


def _start(names: _Names, after: Position | None) -> dict[str, str | None]:
    """Return where to start among the named assets, and among the unnamed ones."""
    unnamed = FIRST_ID if names.all else None
    if after is None:
        return {"after_name": names.lower, "after_id": FIRST_ID, "after_unnamed_id": unnamed}
    if after.name is None:
        return {
            "after_name": ABOVE_ALL_NAMES,
            "after_id": FIRST_ID,
            "after_unnamed_id": after.item_id,
        }
    return {"after_name": after.name, "after_id": after.item_id, "after_unnamed_id": unnamed}


def newest(
    *,
    kinds: Sequence[Kind],
    subject: str,
    namespace: str,
    project: str,
    episode: str | None,
    episode_id: str | None,
    name: str,
) -> Listing:
    """List the newest live asset with a name, whatever its kind: a list of at most one.

    :param episode: name of an episode; None for the whole project.
    :param episode_id: id of an episode, instead of its name.
    """
    parameters = {
        "namespace": namespace,
        "subject": subject,
        "project": project,
        "episode": episode,
        "episode_id": episode_id,
        "item_ids": [None],
        "item_names": [name],
        "item_kinds": [None],
        "all_kinds": [kind.name for kind in kinds],
    }
    return Listing("asset/find_many", parameters, FULL)


def _folders_narrow(folder: Folder) -> bool:
    """Return whether reading folder by folder reads fewer rows than the bounds of the glob select.

    It does not if the glob names one folder and one file, because the bounds are as narrow, nor if
    it allows any folder and any file.
    """
    one_folder = folder.upper == folder.lower + LOWEST_CHARACTER
    one_file = folder.file_upper == folder.file_lower + LOWEST_CHARACTER
    any_path = folder.depth is None and folder.file_lower == "/"
    return not ((one_folder and one_file) or any_path)
