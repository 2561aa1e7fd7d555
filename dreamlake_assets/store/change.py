"""Changes of single assets: deleting, restoring and updating one by its id.

Each takes one roundtrip unless it says otherwise. On a Citus cluster it takes another one, or two
if the subject has several namespaces. A call with the ``change_id`` of an earlier one, whose
connection was lost, recognises its own change as long as no other change has followed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from dreamlake_assets import limits
from dreamlake_assets.database.connection import Connection, Row
from dreamlake_assets.database.statements import Parameters, one_flight
from dreamlake_assets.errors import (
    AssetDeleted,
    AssetsError,
    Conflict,
    Forbidden,
    InvalidRequest,
    PreconditionFailed,
    Rollback,
)
from dreamlake_assets.model.kinds import COMMON_FIELDS, FOUND_COLUMNS, Kind
from dreamlake_assets.model.merge_patch import merged_metadata
from dreamlake_assets.model.names import folders
from dreamlake_assets.store.asset import OWN_COLUMNS, fetch_by_id, path_upserts, tenant_of_asset

#: How often a change is sent while other requests change the asset at the same time.
_ATTEMPTS = 4

#: A revision that no asset has.
_NO_REVISION = 0

_REFUSALS: dict[str, type[AssetsError]] = {
    "forbidden": Forbidden,
    "precondition_failed": PreconditionFailed,
    "asset_deleted": AssetDeleted,
}

_UNCHANGED: dict[str, Any] = {
    **OWN_COLUMNS,
    **dict.fromkeys(COMMON_FIELDS),
    "name": None,
    "folder": None,
    "episode": None,
    "bss_id": None,
    "tags": None,
    "add_tags": [],
    "remove_tags": [],
    "metadata": None,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an asset.

    :param change_id: id of the change, which the row keeps until the next one.
    :param revisions: the revisions in which the asset may be changed; None allows any.
    """

    kind: Kind
    subject: str
    asset_id: str
    change_id: str
    revisions: Sequence[int] | None = None


def delete(connection: Connection, *, change: Change) -> int:
    """Delete an asset. One that is deleted already stays as it is.

    For a deleted asset, the revision just before its deletion is allowed, too.

    :returns: the revision of the asset.
    :raises AssetNotFound: the asset does not exist, or the subject is not a member of its
        namespace.
    :raises Forbidden: the subject may read the namespace but not write to it.
    :raises PreconditionFailed: the asset has another revision.
    :raises Conflict: other requests changed the asset at the same time, again and again.
    """
    return _changed(connection, "asset/delete", change)[0]


def restore(connection: Connection, *, change: Change) -> Row:
    """Restore a deleted asset. A live one stays as it is.

    :returns: the columns of ``FOUND_COLUMNS``.
    :raises AssetNotFound, Forbidden, PreconditionFailed, Conflict: as :func:`delete`.
    """
    return _changed(connection, "asset/restore", change)


def update(connection: Connection, *, change: Change, patch: Mapping[str, Any]) -> Row:
    """Update an asset, and create the missing parts of its new path.

    Takes one roundtrip; two if the new path has missing parts; two if metadata is merged, and up to
    four while other requests change the same asset.

    :param patch: the validated body of the request, by column.
    :returns: the columns of ``FOUND_COLUMNS``.
    :raises AssetDeleted: the asset is deleted.
    :raises InvalidRequest: the asset would have too many tags, or too large metadata.
    :raises AssetNotFound, Forbidden, PreconditionFailed, Conflict: as :func:`delete`.
    """
    to_merge = patch.get("metadata")
    path = folders(patch.get("name"))
    parameters = {
        **_parameters(connection, change),
        **_UNCHANGED,
        **patch,
        "given": list(patch),
        "folder": path[-1] if path else None,
        "tags_limit": limits.TAGS,
        "in_flight": False,
        "metadata": None,
        # Without a merge, the patch applies to every revision. With one, the first statement reads.
        "base_revision": None if to_merge is None else _NO_REVISION,
    }
    row = fetch_by_id(connection, "asset/update", parameters)
    for _ in range(_ATTEMPTS - 1):
        if _is_settled(row):
            break
        asset = _asset(row)
        if to_merge is not None:
            parameters["metadata"] = merged_metadata(orjson.dumps(asset["metadata"]), to_merge)
            parameters["base_revision"] = asset["revision"]
        row = _send_again(connection, parameters, row)
    if not _is_settled(row):
        raise Conflict
    return row[2:]


def _parameters(connection: Connection, change: Change) -> dict[str, Any]:
    of_tenant = tenant_of_asset(connection, subject=change.subject, asset_id=change.asset_id)
    return {
        **of_tenant,
        "kind": change.kind.name,
        "subject": change.subject,
        "asset_id": change.asset_id,
        "change_id": change.change_id,
        "revisions": change.revisions,
    }


def _changed(connection: Connection, statement: str, change: Change) -> Row:
    """Send a change until it is settled, and return its row without the outcome."""
    parameters = _parameters(connection, change)
    for _ in range(_ATTEMPTS):
        row = fetch_by_id(connection, statement, parameters)
        if _is_settled(row):
            return row[1:]
    raise Conflict


def _is_settled(row: Row) -> bool:
    """Return whether a change is done. If it is not, another attempt may succeed."""
    outcome = row[0]
    if outcome in _REFUSALS:
        raise _REFUSALS[outcome]
    if outcome == "too_many_tags":
        message = f"The asset would have more than {limits.TAGS} tags."
        raise InvalidRequest(f"addTags: {message}", fields={"addTags": [message]})
    return outcome in ("changed", "unchanged")


def _asset(row: Row) -> dict[str, Any]:
    return dict(zip(FOUND_COLUMNS, row[2:], strict=True))


def _send_again(connection: Connection, parameters: Parameters, row: Row) -> Row:
    """Send an update again, with the missing parts of the new path in front.

    :param row: the row of the attempt before.
    """
    if not row[1]:
        try:
            return _update_on_new_path(connection, parameters, _asset(row))
        except Rollback:
            # The asset has changed meanwhile, so the path was not created. The statement alone
            # returns the reason.
            pass
    return fetch_by_id(connection, "asset/update", parameters)


def _update_on_new_path(
    connection: Connection, parameters: Parameters, asset: Mapping[str, Any]
) -> Row:
    """Create the missing parts of a path and update an asset, in one roundtrip.

    :raises Rollback: the asset has changed meanwhile. Nothing was written.
    """
    scope = {
        **parameters,
        "namespace": asset["namespace"],
        "project": asset["project"],
        "episode": asset["episode_name"],
    }
    statements = path_upserts(scope, folders(asset["name"]))
    update = ("asset/update", {**parameters, "in_flight": True})
    return one_flight(connection, [*statements, update])[-1][0]
