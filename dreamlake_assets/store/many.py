"""Changes of many assets of a project: deleting and restoring them by their ids, all or none.

A call with the same ``change_id`` as an earlier one, whose connection was lost, recognises its own
changes as long as no others have followed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dreamlake_assets import limits
from dreamlake_assets.database.connection import Connection
from dreamlake_assets.database.statements import Parameters, fetch_all
from dreamlake_assets.database.tenants import require_member, tenant
from dreamlake_assets.errors import AssetNotFound, NamespaceNotFound
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.store.listing import Filters
from dreamlake_assets.store.listing import assets as listed_assets
from dreamlake_assets.store.lists import page
from dreamlake_assets.store.missing import require_found

_VIEW = "asset/view_revision"


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


@dataclass(frozen=True, slots=True)
class Selected:
    """Assets to change, in the order of their names.

    :param revisions: the revision of each asset, by its id.
    :param more: whether there are more.
    """

    revisions: Mapping[str, int]
    more: bool


def select(
    connection: Connection, *, kinds: Sequence[Kind], subject: str, filters: Filters
) -> Selected:
    """Select up to ``limits.BATCH`` live assets to delete.

    Takes one roundtrip, or two on a Citus cluster.

    :param kinds: select assets of these kinds only.
    :raises NotFound: the namespace, project or episode does not exist, or the subject is not a
        member of the namespace.
    :raises Forbidden: the subject may read the namespace but not write to it.
    """
    listing = listed_assets(
        kinds=kinds, subject=subject, filters=filters, after=None, paged=True, view=_VIEW
    )
    rows = page(connection, listing=listing, row_limit=limits.BATCH)
    revisions = {asset_id: revision for asset_id, _, revision, _ in rows[: limits.BATCH]}
    return Selected(revisions, more=len(rows) > limits.BATCH)


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
