"""Batches: many assets registered together, all of them or none."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson

from dreamlake_assets.database.connection import Connection, Row
from dreamlake_assets.database.statements import Parameters, fetch_all, one_flight
from dreamlake_assets.database.tenants import tenant
from dreamlake_assets.errors import AlreadyExists, IdempotencyKeyReused
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.model.names import folders
from dreamlake_assets.store.asset import Registered, canonical, require_inserted

_FIND, _INSERT = "asset/find_batch", "asset/insert_many"

#: An episode and a folder; each may be None.
_Place = tuple[str | None, str | None]


def register(
    connection: Connection,
    *,
    first_id: UUID,
    subject: str,
    namespace: str,
    project: str,
    assets: Sequence[tuple[Kind, Mapping[str, Any]]],
    idempotency_key: str | None = None,
) -> list[Registered]:
    """Register all assets, and create the missing parts of their paths, or do nothing at all.

    Takes one roundtrip if all paths exist, else two; one more on a Citus cluster. A repeated call
    with the same ``first_id`` or the same ``idempotency_key`` registers nothing new.

    :param first_id: id of the first asset. The ids of the others follow it, in order.
    :param assets: the kind of each asset, and its validated fields, by column.
    :param idempotency_key: header ``Idempotency-Key`` of the request.
    :returns: the ids of each asset, in order. They are those of an earlier batch, with another
        first id, if the key was used before.
    :raises NamespaceNotFound: the namespace does not exist, or the subject is not a member.
    :raises Forbidden: the subject may read the namespace but not write to it.
    :raises IdempotencyKeyReused: the key was used for a different request.
    """
    scope = {
        "namespace": namespace,
        "subject": subject,
        "project": project,
        **tenant(connection, namespace=namespace, subject=subject, writes=True),
    }
    key: dict[str, str | None] = {"idempotency_key": None, "request_digest": None}
    if idempotency_key is not None:
        digest = _digest(namespace, project, assets)
        key = {"idempotency_key": idempotency_key, "request_digest": digest}
    ids = [str(UUID(int=first_id.int + position)) for position in range(len(assets))]
    places = [_place(asset) for _, asset in assets]
    insert = {**scope, **key, "first_id": ids[0], "places": _json(ids, places, assets)}
    find: list[tuple[str, Parameters]] = []
    if idempotency_key is not None:
        episodes, paths = zip(*dict.fromkeys(places), strict=True)
        find = [(_FIND, {**scope, **key, "episodes": [*episodes], "folders": [*paths]})]
    run = partial(_insert, connection, scope, places, find, insert)
    try:
        earlier, inserted = run()
    except AlreadyExists:
        # Another request has the key. It is the same one if "find" finds it now.
        try:
            earlier, inserted = run()
        except AlreadyExists:
            raise IdempotencyKeyReused from None
    if earlier:
        return _replayed(earlier, places)
    by_id = {row[0]: Registered(*row) for row in inserted}
    return [by_id[each] for each in ids]


def _digest(namespace: str, project: str, assets: Iterable[tuple[Kind, Mapping[str, Any]]]) -> str:
    """Return a digest that is equal for equal batches, and differs from that of a single asset.

    :returns: the SHA-256 as a PostgreSQL bytea literal.
    """
    digest = sha256(orjson.dumps([namespace, project]))
    for kind, asset in assets:
        digest.update(canonical(kind, asset))
    return rf"\x{digest.hexdigest()}"


def _place(asset: Mapping[str, Any]) -> _Place:
    name = asset["name"]
    # The first slash is not the end of a folder.
    folder = name[: name.rindex("/")] if name is not None else ""
    return asset["episode"], folder or None


def _json(
    ids: Iterable[str], places: Iterable[_Place], assets: Iterable[tuple[Kind, Mapping[str, Any]]]
) -> str:
    """Return the assets of each place as the parameter ``places``."""
    by_place: dict[_Place, list[dict[str, Any]]] = {}
    for asset_id, place, (kind, asset) in zip(ids, places, assets, strict=True):
        item = {column: value for column, value in asset.items() if value is not None}
        item |= {"asset_id": asset_id, "kind": kind.name}
        if "metadata" in item:
            item["metadata"] = orjson.Fragment(item["metadata"])
        by_place.setdefault(place, []).append(item)
    return orjson.dumps(
        [
            {"episode": episode, "folder": folder, "items": items}
            for (episode, folder), items in by_place.items()
        ]
    ).decode()


def _insert(
    connection: Connection,
    scope: dict[str, str],
    places: Iterable[_Place],
    find: list[tuple[str, Parameters]],
    insert: dict[str, Any],
) -> tuple[list[Row], list[Row]]:
    """Insert the batch, unless its key was used before.

    :param find: the statement that looks the key up; empty without a key.
    :returns: the rows of ``find``, and those of the inserted assets.
    :raises AlreadyExists: another request has the key; nothing was written.
    """
    last = [*find, (_INSERT, insert)]
    results = one_flight(connection, last) if find else [fetch_all(connection, _INSERT, insert)]
    if not any(results):
        results = one_flight(connection, [*_upserts(scope, places), *last])
    earlier = results[-2] if find else []
    if not earlier:
        return [], require_inserted(connection, results)
    if not earlier[0][1]:
        raise IdempotencyKeyReused
    return earlier, []


def _upserts(scope: dict[str, str], places: Iterable[_Place]) -> Iterator[tuple[str, Parameters]]:
    """Yield the statements that create the missing parts of all paths, parents first.

    The order of the statements, and that of the rows within each, is the same for every batch, so
    batches that create the same rows wait for each other in one direction only.
    """
    yield "space/upsert", {**scope, "space_id": str(uuid7())}
    distinct = dict.fromkeys(places)
    if episodes := [*dict.fromkeys(episode for episode, _ in distinct if episode is not None)]:
        yield "episode/upsert_many", {**scope, "episodes": episodes, "episode_ids": _ids(episodes)}
    by_depth: dict[int, dict[tuple[str | None, str | None, str], None]] = {}
    for episode, folder in distinct:
        path = folders(f"{folder}/") if folder is not None else []
        for depth, (parent, each) in enumerate(zip([None, *path], path, strict=False)):
            by_depth.setdefault(depth, {})[episode, parent, each] = None
    for _, level in sorted(by_depth.items()):
        of_episodes, parents, paths = map(list, zip(*level, strict=True))
        yield (
            "node/upsert_many",
            {
                **scope,
                "episodes": of_episodes,
                "parents": parents,
                "folders": paths,
                "node_ids": _ids(paths),
            },
        )


def _ids(of: Sequence[object]) -> list[str]:
    return [str(uuid7()) for _ in of]


def _replayed(earlier: list[Row], places: Sequence[_Place]) -> list[Registered]:
    """Return the ids of an earlier batch.

    :param earlier: for each distinct place, in order: the id of the first asset, whether the
        request is the same, and the ids of project, episode and folder.
    """
    first = UUID(earlier[0][0]).int
    of_place = dict(zip(dict.fromkeys(places), (row[2:] for row in earlier), strict=True))
    return [
        Registered(str(UUID(int=first + position)), *of_place[place])
        for position, place in enumerate(places)
    ]
