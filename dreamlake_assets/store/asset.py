"""Single assets: registering one, and finding one by id."""

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
from dreamlake_assets.database.tenants import require_member, tenant
from dreamlake_assets.errors import (
    AssetNotFound,
    IdempotencyKeyReused,
    Unavailable,
)
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import KINDS, Kind
from dreamlake_assets.model.names import folders

OWN_COLUMNS = dict.fromkeys(column for kind in KINDS.values() for column in kind.own_fields)


@dataclass(frozen=True, slots=True)
class Registered:
    """The ids of a registered asset and of its project, episode and folder."""

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
    """Register an asset, and create the missing parts of its path.

    Takes one roundtrip if the whole path exists, else two; one more on a Citus cluster. A repeated
    call with the same ``asset_id`` or the same ``idempotency_key`` registers nothing new.

    :param asset_id: id of the new asset.
    :param asset: the validated body of the request, by column.
    :param idempotency_key: header ``Idempotency-Key`` of the request.
    :returns: the ids of the asset. They are those of an earlier asset, with another ``asset_id``,
        if the key was used before.
    :raises NamespaceNotFound: the namespace does not exist, or the subject is not a member.
    :raises Forbidden: the subject may read the namespace but not write to it.
    :raises IdempotencyKeyReused: the key was used for a different asset.
    """
    of_tenant = tenant(connection, namespace=asset["namespace"], subject=subject, writes=True)
    path = folders(asset["name"])
    once: dict[str, Any] = {}
    if idempotency_key is not None:
        once = {"idempotency_key": idempotency_key, "request_digest": _digest(kind, asset)}
    insert = {
        **OWN_COLUMNS,
        **asset,
        **of_tenant,
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
    """Return a digest that is equal for equal requests, whatever the order of their members.

    :returns: the SHA-256 as a PostgreSQL bytea literal.
    """
    return rf"\x{sha256(canonical(kind, asset)).hexdigest()}"


def canonical(kind: Kind, asset: Mapping[str, Any]) -> bytes:
    """Return a JSON text that is equal for equal assets."""
    # The digests of earlier versions round long numbers to doubles, so these must, too.
    metadata = asset["metadata"] and orjson.loads(asset["metadata"])
    # Metadata may use all the nesting levels that orjson allows, so it is serialized on its own.
    text = orjson.Fragment(_sorted(metadata))
    return _sorted({**asset, "metadata": text, "kind": kind.name})


def _sorted(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _register_on_new_path(
    connection: Connection, statement: str, insert: dict[str, Any], path: list[str]
) -> Row:
    """Create the missing parts of a path, parents first, and insert the asset, in one roundtrip."""
    project = ("space/upsert", {**insert, "space_id": str(uuid7())})
    statements = [project, *path_upserts(insert, path), (statement, insert)]
    return require_inserted(connection, one_flight(connection, statements))[0]


def require_inserted(connection: Connection, results: list[list[Row]]) -> list[Row]:
    """Return the rows of the last statement of a flight that creates a path.

    :param results: the rows of each statement; ``space/upsert`` is the first one.
    :raises NamespaceNotFound: the namespace does not exist, or the subject is not a member.
    :raises Forbidden: the subject may read the namespace but not write to it.
    :raises Unavailable: another session deleted a part of the path between two statements.
    """
    roles, inserted = results[0], results[-1]
    if not inserted:
        if not is_cluster(connection):  # there, the tenant was looked up with the role
            require_member(roles[0][0] if roles else None, writes=True)
        raise Unavailable
    return inserted


def path_upserts(scope: Parameters, path: list[str]) -> list[tuple[str, Parameters]]:
    """Return the statements that create the missing parts of a path in a project, parents first.

    :param scope: the parameters ``namespace``, ``subject``, ``project`` and ``episode``, and on a
        Citus cluster ``namespace_id``.
    :param path: the paths of the folders, the outermost first.
    """
    statements: list[tuple[str, Parameters]] = []
    if scope["episode"] is not None:
        statements.append(("episode/upsert", {**scope, "episode_id": str(uuid7())}))
    for parent, folder in zip([None, *path], path, strict=False):
        node = {**scope, "parent": parent, "path": folder, "node_id": str(uuid7())}
        statements.append(("node/upsert", node))
    return statements


def find_by_id(connection: Connection, *, kind: Kind, subject: str, asset_id: str) -> Row:
    """Find an asset by its id.

    Takes one roundtrip; on a Citus cluster two, or three if the subject has several namespaces.

    :returns: the columns of ``FOUND_COLUMNS``.
    :raises AssetNotFound: the asset does not exist, or the subject is not a member of its
        namespace.
    """
    parameters = {"kind": kind.name, "subject": subject, "asset_id": asset_id}
    return fetch_by_id(
        connection,
        "asset/find_by_id",
        {**parameters, **tenant_of_asset(connection, subject=subject, asset_id=asset_id)},
    )


def fetch_by_id(connection: Connection, statement: str, parameters: Parameters) -> Row:
    """Run a statement that looks an asset up by its id, in the namespaces of the subject.

    :raises AssetNotFound: the statement returns no row.
    """
    row = fetch_one(connection, statement, parameters)
    if row is None:
        raise AssetNotFound
    return row


def tenant_of_asset(connection: Connection, *, subject: str, asset_id: str) -> dict[str, str]:
    """Return the parameters that a statement needs besides the id of an asset.

    Takes no roundtrip; on a Citus cluster one, or two if the subject has several namespaces.

    :returns: ``namespace_id`` on a cluster, whose statements must name it; nothing elsewhere.
    :raises AssetNotFound: on a cluster: no namespace of the subject has the asset.
    """
    if not is_cluster(connection):
        return {}
    rows = fetch_all(connection, "namespace_member/list_by_subject", {"subject": subject})
    namespaces = [namespace_id for (namespace_id,) in rows]
    if len(namespaces) > 1:
        several = {"asset_id": asset_id, "namespaces": namespaces}
        namespaces = fetch_one(connection, "asset/find_namespace", several)
    if not namespaces:
        raise AssetNotFound
    return {"namespace_id": namespaces[0]}
