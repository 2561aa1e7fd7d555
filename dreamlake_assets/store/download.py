"""The assets of a download of many: by id, by name, or by the filters of a list."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from dreamlake_assets.database.connection import Connection
from dreamlake_assets.database.statements import fetch_all
from dreamlake_assets.database.tenants import tenant
from dreamlake_assets.errors import (
    AssetDeleted,
    AssetNotFound,
    AssetsError,
    NamespaceNotFound,
)
from dreamlake_assets.model.cursors import Position
from dreamlake_assets.model.kinds import KINDS, VIEWED_COLUMNS, Kind
from dreamlake_assets.store import listing, lists
from dreamlake_assets.store.missing import require_found

_KIND = VIEWED_COLUMNS.index("kind")


@dataclass(frozen=True, slots=True)
class Found:
    """An asset, and its id in BSS; None if it was registered without one."""

    asset_id: str
    kind: Kind
    name: str | None
    bss_id: str | None


def find(
    connection: Connection,
    *,
    subject: str,
    namespace: str,
    project: str,
    episode: str | None,
    episode_id: str | None,
    items: Sequence[dict[str, Any]],
) -> list[Found | AssetsError]:
    """Find each of many assets.

    Takes one roundtrip, or two on a Citus cluster.

    :param items: each has an ``asset_id``, or a ``name`` and a ``kind``. Without a kind it is the
        newest asset of any kind.
    :param episode: name of an episode that assets found by name must be in.
    :param episode_id: id of such an episode, instead of its name.
    :returns: an asset or an error for each item, in their order.
    :raises NotFound: the namespace, project or episode does not exist, or the subject is not a
        member of the namespace.
    """
    parameters = {
        "namespace": namespace,
        "subject": subject,
        "project": project,
        "episode": episode,
        "episode_id": episode_id,
        "item_ids": [item["asset_id"] for item in items],
        "item_names": [item["name"] for item in items],
        "item_kinds": [item["kind"] for item in items],
        "all_kinds": list(KINDS),
        **tenant(connection, namespace=namespace, subject=subject, writes=False),
    }
    rows = fetch_all(connection, "asset/find_many", parameters)
    if not rows:
        raise NamespaceNotFound
    require_found(rows[0][-1])
    return [_found(*columns) for _position, *columns, _missing in sorted(rows)]


def _found(
    asset_id: str | None, kind: str, name: str | None, bss_id: str | None, is_deleted: bool
) -> Found | AssetsError:
    if asset_id is None:
        return AssetNotFound()
    if is_deleted:
        return AssetDeleted()
    return Found(asset_id, KINDS[kind], name, bss_id)


def select(
    connection: Connection,
    *,
    kinds: Collection[Kind],
    subject: str,
    filters: listing.Filters,
    after: Position | None,
    row_limit: int,
) -> list[Found]:
    """Find one page of the assets of some kinds, ordered by name and then by id.

    Takes one roundtrip, or two on a Citus cluster.

    :param after: last asset of the page before; None for the first page.
    :param row_limit: assets on the page.
    :returns: the assets; one more than ``row_limit`` if there is another page.
    :raises NotFound: the namespace, project or episode does not exist, or the subject is not a
        member of the namespace.
    """
    selected = listing.assets(
        kinds=[*kinds], subject=subject, filters=filters, after=after, paged=True, view=lists.ITEM
    )
    rows = lists.page(connection, listing=selected, row_limit=row_limit)
    return [Found(row[0], KINDS[row[_KIND]], *row[1:3]) for row in rows]
