"""Changes of many assets of a project: deleting and restoring them by their ids, all or none.

A call with the same ``change_id`` as an earlier one, whose connection was lost, recognises its own
changes as long as no others have followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dreamlake_assets.database.connection import Connection
from dreamlake_assets.database.statements import Parameters, fetch_all
from dreamlake_assets.database.tenants import require_member, tenant
from dreamlake_assets.errors import AssetNotFound, NamespaceNotFound
from dreamlake_assets.store.missing import require_found


@dataclass(frozen=True, slots=True)
class Changes:
    """A change of many assets.

    :param change_id: id of the change, which each row keeps until the next one.
    :param ids: the ids of the assets, in lower case. One that is given twice counts once.
    :param dry_run: write nothing, and return what would be changed.
    """

    subject: str
    namespace: str
    project: str
    change_id: str
    ids: Sequence[str]
    dry_run: bool = False


def delete(
    connection: Connection, *, changes: Changes, revisions: Sequence[int] | None = None
) -> list[str]:
    """Delete assets. Those that are deleted already stay as they are.

    Takes one roundtrip, or two on a Citus cluster.

    :param revisions: the revision of each asset, if the assets were selected: those that have
        another one, or are gone, stay as they are. None: all of them must exist.
    :returns: the ids of the assets that were live, in order.
    :raises NotFound: the namespace, the project or an asset does not exist, or the subject is not a
        member of the namespace. The error names each missing asset by its position.
    :raises Forbidden: the subject may read the namespace but not write to it.
    """
    return _changed(connection, "asset/delete_many", changes, {"revisions": revisions})


def restore(connection: Connection, *, changes: Changes) -> list[str]:
    """Restore deleted assets. Live ones stay as they are.

    Takes one roundtrip, or two on a Citus cluster.

    :returns: the ids of the assets that were deleted, in order.
    :raises NotFound, Forbidden: as :func:`delete`.
    """
    return _changed(connection, "asset/restore_many", changes, {})


def _changed(
    connection: Connection, statement: str, changes: Changes, parameters: Parameters
) -> list[str]:
    scope = {"namespace": changes.namespace, "subject": changes.subject}
    distinct = list(dict.fromkeys(changes.ids))
    rows = fetch_all(
        connection,
        statement,
        {
            **scope,
            **tenant(connection, **scope, writes=True),
            "project": changes.project,
            "change_id": changes.change_id,
            "asset_ids": distinct,
            "dry_run": changes.dry_run,
            **parameters,
        },
    )
    if not rows:
        raise NamespaceNotFound
    role, missing, *_ = rows[0]
    require_member(role, writes=True)
    require_found(missing)
    is_changed = {asset_id: is_changed for _, _, asset_id, is_changed in rows}
    if parameters.get("revisions") is None:
        unknown = [n for n, each in enumerate(changes.ids) if each not in is_changed]
        if unknown:
            raise AssetNotFound(fields={f"ids.{n}": [AssetNotFound.sentence()] for n in unknown})
    return [each for each in distinct if is_changed.get(each)]
