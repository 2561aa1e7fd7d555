"""Assets: register, list, find."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeGuard

import orjson

from dreamlake_assets.database.connection import Connection, Row, is_cluster
from dreamlake_assets.database.statements import (
    Parameters,
    fetch_all,
    fetch_one,
    one_flight,
    stream,
)
from dreamlake_assets.database.tenants import tenant
from dreamlake_assets.errors import (
    AssetNotFound,
    AssetsError,
    EpisodeNotFound,
    Forbidden,
    IdempotencyKeyReused,
    NamespaceNotFound,
    ProjectNotFound,
    Unavailable,
)
from dreamlake_assets.model.cursors import ABOVE_ALL_NAMES, FIRST_ID, Position
from dreamlake_assets.model.globs import LOWEST_CHARACTER, Folder, Glob, upper_bound
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.model.names import folders

_OWN_COLUMNS = dict.fromkeys(column for kind in KINDS.values() for column in kind.own_fields)

_MISSING: dict[str, type[AssetsError]] = {
    "project": ProjectNotFound,
    "episode": EpisodeNotFound,
    "asset": AssetNotFound,
}


@dataclass(frozen=True, slots=True)
class Registered:
    """The ids of a new asset and of what it is filed under."""

    asset_id: str
    space_id: str
    episode_id: str | None
    node_id: str | None


def register(
    connection: Connection,
    *,
    kind: Kind,
    asset_id: str,
    subject: str,
    asset: Mapping[str, Any],
    idempotency_key: str | None = None,
) -> Registered:
    """Register an asset: one roundtrip into an existing path, two where something on it is new.

    Sent twice with the same id, or with the same key, it registers once.

    :param asset: the loaded body of the request, by column.
    :returns: what was registered under the key before, if something was: its id is another one.
    :raises NamespaceNotFound: there is no such namespace, or the subject is no member of it.
    :raises Forbidden: the subject may read the namespace, but not write to it.
    :raises IdempotencyKeyReused: something else was registered under the key.
    """
    path = folders(asset["name"])
    once: dict[str, Any] = {}
    if idempotency_key is not None:
        once = {"idempotency_key": idempotency_key, "request_digest": _digest(kind, asset)}
    insert = {
        **_OWN_COLUMNS,
        **asset,
        **tenant(connection, asset["namespace"]),
        "asset_id": asset_id,
        "kind": kind.name,
        "subject": subject,
        "folder": path[-1] if path else None,
        **once,
    }
    statement = "asset/insert_once" if once else "asset/insert"
    row = fetch_one(connection, statement, insert)
    if row is None:
        row = _register_on_new_path(connection, statement, insert, path)
    if once and not row[4]:
        raise IdempotencyKeyReused
    return Registered(*row[:4])


def _digest(kind: Kind, asset: Mapping[str, Any]) -> str:
    """What two requests have in common that say the same, in whichever order and spelling.

    :returns: 32 bytes, as PostgreSQL writes them.
    """
    metadata = asset["metadata"] and orjson.loads(asset["metadata"])
    # Metadata may be as deep as orjson goes by itself, so it goes in as text.
    text = orjson.Fragment(_sorted(metadata))
    said = _sorted({**asset, "metadata": text, "kind": kind.name})
    return rf"\x{sha256(said).hexdigest()}"


def _sorted(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _register_on_new_path(
    connection: Connection, statement: str, insert: dict[str, Any], path: list[str]
) -> Row:
    """Make what is missing on the path, parents first, and insert again, all in one flight."""
    keys = ("namespace", "namespace_id", "subject", "project", "episode")
    here = {key: insert[key] for key in keys if key in insert}
    statements: list[tuple[str, Parameters]] = [
        ("space/upsert", {**here, "space_id": str(uuid7())})
    ]
    if insert["episode"] is not None:
        statements.append(("episode/upsert", {**here, "episode_id": str(uuid7())}))
    for parent, folder in zip([None, *path], path, strict=False):
        node = {**here, "parent": parent, "path": folder, "node_id": str(uuid7())}
        statements.append(("node/upsert", node))
    statements.append((statement, insert))
    answers = one_flight(connection, statements)
    roles, inserted = answers[0], answers[-1]
    if not roles:
        raise NamespaceNotFound
    if roles[0][0] != "writer":
        raise Forbidden
    if not inserted:
        # The path was taken away between two statements of the flight.
        raise Unavailable
    return inserted[0]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which assets to list: all of a project, narrowed by whatever is given.

    :param tags: all of which an asset has.
    :param created_after: in UTC; an asset of that time is listed.
    :param created_before: in UTC; an asset of that time is not listed.
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


def page(
    connection: Connection,
    *,
    kind: Kind,
    subject: str,
    filters: Filters,
    after: Position | None,
    row_limit: int,
) -> list[Row]:
    """The next assets in the order of their names, then of their ids; see ``LISTED_COLUMNS``.

    :returns: one more than asked for where there are more.
    :raises NotFound: the namespace, the project or the episode.
    """
    name, parameters = _listing(kind, subject, filters, after, row_limit + 1)
    parameters |= tenant(connection, filters.namespace)
    rows = fetch_all(connection, name, parameters)
    return rows if _has_assets(rows[0] if rows else None) else []


def every(
    connection: Connection,
    *,
    kind: Kind,
    subject: str,
    filters: Filters,
    after: Position | None,
    row_limit: None = None,
) -> Iterator[Row]:
    """All the next assets, as they come from the database; otherwise as :func:`page`."""
    name, parameters = _listing(kind, subject, filters, after, row_limit)
    parameters |= tenant(connection, filters.namespace)
    with closing(stream(connection, name, parameters)) as rows:
        first = next(rows, None)
        if _has_assets(first):
            yield first
            yield from rows


def _has_assets(first: Row | None) -> TypeGuard[Row]:
    """Whether there are assets, by the first row of a listing, which stands even if there are none.

    :raises NotFound: the namespace, the project or the episode.
    """
    if first is None:
        raise NamespaceNotFound
    missing = first[-1]
    if missing is not None:
        raise _MISSING[missing]
    return first[0] is not None


def _listing(
    kind: Kind, subject: str, filters: Filters, after: Position | None, row_limit: int | None
) -> tuple[str, dict[str, Any]]:
    """The statement of the access path, and its parameters."""
    of_episode = filters.episode is not None or filters.episode_id is not None
    by_episode = "_episode" if of_episode else ""
    parameters: dict[str, Any] = {
        "namespace": filters.namespace,
        "subject": subject,
        "project": filters.project,
        "kind": kind.name,
        "row_limit": row_limit,
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
    """Where to begin among the assets with a name, and among those without."""
    if after is None:
        return {"after_name": "", "after_id": FIRST_ID, "after_unnamed_id": FIRST_ID}
    if after.name is None:
        return {
            "after_name": ABOVE_ALL_NAMES,
            "after_id": FIRST_ID,
            "after_unnamed_id": after.asset_id,
        }
    return {
        "after_name": after.name,
        "after_id": after.asset_id,
        "after_unnamed_id": FIRST_ID,
    }


def _filtered_listing(
    by_episode: str, parameters: dict[str, Any], filters: Filters, after: Position | None
) -> tuple[str, dict[str, Any]]:
    """By tags or by time, with the rest as conditions."""
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
        # What has no name begins with nothing and matches nothing.
        parameters["after_unnamed_id"] = None
    if filters.tags:
        parameters["tags"] = list(filters.tags)
        return f"asset/list_by{by_episode}_tag", parameters
    return f"asset/list_by{by_episode}_created_at", parameters


def _from(lower: str, after: Position | None) -> dict[str, str]:
    """Where to begin: at the lower bound of the names, or after the last page."""
    if after is None or after.name is None:
        return {"after_name": lower, "after_id": FIRST_ID}
    return {"after_name": after.name, "after_id": after.asset_id}


def _between(lower: str, upper: str, after: Position | None) -> dict[str, str]:
    """A range of names, from where the last page ended."""
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
    """Whether going folder by folder reads less than all names between the bounds of the glob.

    Not where there is one folder to go to and one name in it: then the bounds say as much. Nor
    where both the folders and the files are any.
    """
    one_folder = folder.upper == folder.lower + LOWEST_CHARACTER
    one_name = folder.file_upper == folder.file_lower + LOWEST_CHARACTER
    anything = folder.depth is None and folder.file_lower == "/"
    return not ((one_folder and one_name) or anything)


def find_by_id(connection: Connection, *, kind: Kind, subject: str, asset_id: str) -> Row:
    """All of an asset: the columns of ``FOUND_COLUMNS``.

    :raises AssetNotFound: there is none, or the subject is no member of its namespace.
    """
    parameters = {"kind": kind.name, "subject": subject, "asset_id": asset_id}
    if is_cluster(connection):
        row = _find_in_each_namespace(connection, parameters)
    else:
        row = fetch_one(connection, "asset/find_by_id", parameters)
    if row is None:
        raise AssetNotFound
    return row


def _find_in_each_namespace(connection: Connection, parameters: dict[str, str]) -> Row | None:
    """Look for an asset in one shard after the other; two roundtrips."""
    namespaces = fetch_all(connection, "namespace_member/list_by_subject", parameters)
    statements = [
        ("asset/find_by_id", {**parameters, "namespace_id": namespace_id})
        for (namespace_id,) in namespaces
    ]
    answers = one_flight(connection, statements)
    return next((rows[0] for rows in answers if rows), None)


def find_by_name(
    connection: Connection,
    *,
    kind: Kind,
    subject: str,
    namespace: str,
    project: str,
    name: str,
    episode: str | None = None,
    episode_id: str | None = None,
) -> str | None:
    """The id in BSS of the newest asset that bears a name; None where it has no record there.

    :raises NotFound: the namespace, the project, the episode or the asset.
    """
    parameters: dict[str, Any] = {
        "namespace": namespace,
        "subject": subject,
        "project": project,
        "kind": kind.name,
        "name": name,
        **tenant(connection, namespace),
    }
    of_episode = episode is not None or episode_id is not None
    if of_episode:
        parameters |= {"episode": episode, "episode_id": episode_id}
    row = fetch_one(
        connection, "asset/find_by_episode_name" if of_episode else "asset/find_by_name", parameters
    )
    if row is None:
        raise NamespaceNotFound
    missing, _asset_id, bss_id = row
    if missing is not None:
        raise _MISSING[missing]
    return bss_id
