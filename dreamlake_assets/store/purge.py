"""Purging: assets that were deleted long ago leave the database."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from dreamlake_assets.database.connection import Connection
from dreamlake_assets.database.statements import fetch_all, one_flight
from dreamlake_assets.errors import NamespaceNotFound
from dreamlake_assets.model.cursors import FIRST_ID

#: Assets that leave the database in one transaction.
TRANSACTION = 1_000

#: Assets that are found at once. For these, the whole table is read once.
WINDOW = 50_000


class PurgeInProgress(Exception):
    """Another purge is in progress."""


class Expired(NamedTuple):
    """A row of ``asset/find_expired``."""

    namespace_id: str
    asset_id: str
    deleted_at: datetime
    namespace: str
    space_id: str
    kind: str
    bss_id: str | None
    sha256: str | None
    size: int | None
    name: str | None


def purge(
    connection: Connection,
    *,
    older_than: timedelta,
    announce: Callable[[list[dict[str, Any]]], object],
    namespace: str | None = None,
    dry_run: bool = False,
) -> int:
    """Remove the assets that were deleted a while ago, oldest deletion first.

    A transaction removes up to ``TRANSACTION`` assets, so a run may end at any point, and the next
    one goes on. The first asset of a batch has the idempotency key of the batch. Such assets follow
    all others, and stay as long as another asset of their batch.

    :param connection: a connection of the owner's role to the server itself, in autocommit mode.
        It holds the lock that lets one run at a time pass.
    :param older_than: the minimum time since the deletion, by the clock of the database.
    :param announce: called with the published form of each removed asset before their transaction
        commits. If it raises, they stay.
    :param namespace: purge only this namespace.
    :param dry_run: announce the same assets, and remove none.
    :returns: the number of assets.
    :raises NamespaceNotFound: the namespace does not exist.
    :raises PurgeInProgress: another run has not ended.
    :raises NotPermitted: the role may not delete rows.
    """
    parameters = {"namespace": namespace, "older_than": older_than}
    [(is_granted, cutoff, of_namespace)] = fetch_all(connection, "server/begin_purge", parameters)
    if not is_granted:
        raise PurgeInProgress
    if namespace is not None and of_namespace is None:
        raise NamespaceNotFound
    total = 0
    for window in _windows(connection, cutoff, of_namespace):
        others = _shared(connection, window)
        for start in range(0, len(window), TRANSACTION):
            assets = window[start : start + TRANSACTION]
            with nullcontext() if dry_run else connection.transaction():
                if not dry_run:
                    assets = _removed(connection, assets, cutoff)
                announce([_published(asset, others) for asset in assets])
            total += len(assets)
    return total


def _windows(
    connection: Connection, cutoff: str, of_namespace: str | None
) -> Iterator[list[Expired]]:
    parameters = {"cutoff": cutoff, "of_namespace": of_namespace, "row_limit": WINDOW}
    for first_of_batch in (False, True):
        parameters["first_of_batch"] = first_of_batch
        after: tuple[object, str] = ("-infinity", FIRST_ID)
        while True:
            parameters["after_deleted_at"], parameters["after_id"] = after
            rows = fetch_all(connection, "asset/find_expired", parameters)
            if not rows:
                break
            window = [Expired(*row) for row in rows]
            yield window
            after = (window[-1].deleted_at, window[-1].asset_id)


def _bytes(asset: Expired) -> tuple[str, str | None]:
    return asset.kind, asset.bss_id


def _shared(connection: Connection, assets: Sequence[Expired]) -> Counter[tuple[str, str | None]]:
    """Return how many assets besides one have its bytes, for the bytes of these assets."""
    pairs = {_bytes(asset) for asset in assets if asset.bss_id is not None}
    kinds, bss_ids = [kind for kind, _ in pairs], [bss_id for _, bss_id in pairs]
    if not pairs:
        return Counter()
    rows = fetch_all(connection, "asset/count_by_bss_id", {"kinds": kinds, "bss_ids": bss_ids})
    return Counter({(kind, bss_id): count - 1 for kind, bss_id, count in rows})


def _removed(connection: Connection, assets: Sequence[Expired], cutoff: str) -> list[Expired]:
    """Remove assets, and return those that were still deleted."""
    # Sorted, so that other transactions wait for the same rows in the same order.
    by_tenant = groupby(sorted(assets), itemgetter(0))
    statements = [
        (
            "asset/purge",
            {
                "namespace_id": namespace_id,
                "asset_ids": [asset.asset_id for asset in group],
                "cutoff": cutoff,
            },
        )
        for namespace_id, group in by_tenant
    ]
    removed = {asset_id for rows in one_flight(connection, statements) for (asset_id,) in rows}
    return [asset for asset in assets if asset.asset_id in removed]


def _published(asset: Expired, others: Counter[tuple[str, str | None]]) -> dict[str, Any]:
    """Return the published form of an asset, and count it as removed."""
    of_bytes = _bytes(asset)
    deleted_at = asset.deleted_at.astimezone(UTC).replace(tzinfo=None)
    in_use = others[of_bytes] > 0
    others[of_bytes] -= 1
    return {
        "id": asset.asset_id,
        "namespace": asset.namespace,
        "projectId": asset.space_id,
        "kind": asset.kind,
        "bssId": asset.bss_id,
        "sha256": asset.sha256,
        "size": asset.size,
        "name": asset.name,
        "deletedAt": deleted_at.isoformat(timespec="milliseconds") + "Z",
        "inUse": in_use,
    }
