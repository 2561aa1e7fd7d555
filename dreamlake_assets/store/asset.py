"""Single assets: register one, find one by its id or by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import orjson

from dreamlake_assets.database.connection import Connection, Row, is_cluster
from dreamlake_assets.database.statements import (
    Parameters,
    fetch_all,
    fetch_one,
    one_flight,
)
from dreamlake_assets.database.tenants import tenant
from dreamlake_assets.errors import (
    AssetNotFound,
    Forbidden,
    IdempotencyKeyReused,
    NamespaceNotFound,
    Unavailable,
)
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.model.names import folders
from dreamlake_assets.store.missing import require_found

_OWN_COLUMNS = dict.fromkeys(column for kind in KINDS.values() for column in kind.own_fields)


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
    require_found(missing)
    return bss_id
