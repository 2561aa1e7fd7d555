"""The service with the published chain in place of insert-first: the baseline to beat.

Namespace, project, episode, each folder, asset: 4 + N sequential statements in one transaction, as
each needs the id that the previous one returns. Everything else is the same as in the service:
Flask, tokens, schemas, pool, prepared statements, tables.
"""

from collections.abc import Mapping
from typing import Any

from flask import Flask

import dreamlake_assets
from dreamlake_assets import store
from dreamlake_assets.database.connection import Connection
from dreamlake_assets.errors import Forbidden, NamespaceNotFound
from dreamlake_assets.model.ids import uuid7
from dreamlake_assets.model.kinds import Kind
from dreamlake_assets.model.names import folders
from dreamlake_assets.store.asset import OWN_COLUMNS, Registered

_NAMESPACE = """
    SELECT namespace_id, role
    FROM namespace
    INNER JOIN namespace_member USING (namespace_id)
    WHERE slug = %(namespace)s::text AND subject = %(subject)s::text
"""
_SPACE = """
    INSERT INTO space (namespace_id, space_id, slug)
    VALUES (%(namespace_id)s::uuid, %(new_id)s::uuid, %(project)s::text)
    ON CONFLICT (namespace_id, slug) DO UPDATE SET slug = excluded.slug
    RETURNING space_id
"""
_EPISODE = """
    INSERT INTO episode (namespace_id, space_id, episode_id, name)
    VALUES (%(namespace_id)s::uuid, %(space_id)s::uuid, %(new_id)s::uuid, %(episode)s::text)
    ON CONFLICT (namespace_id, space_id, name) DO UPDATE SET name = excluded.name
    RETURNING episode_id
"""
_NODE = """
    INSERT INTO node (namespace_id, space_id, episode_id, node_id, parent_id, path)
    VALUES (
        %(namespace_id)s::uuid, %(space_id)s::uuid, %(episode_id)s::uuid, %(new_id)s::uuid,
        %(node_id)s::uuid, %(path)s::text
    )
    ON CONFLICT (namespace_id, scope_id, path) DO UPDATE SET path = excluded.path
    RETURNING node_id
"""
_ASSET = """
    INSERT INTO asset (
        namespace_id, space_id, episode_id, node_id, asset_id, kind, name, bss_id,
        fps, lens, sample_rate, channels, format, language, width, height,
        tags, metadata
    )
    VALUES (
        %(namespace_id)s::uuid, %(space_id)s::uuid, %(episode_id)s::uuid, %(node_id)s::uuid,
        %(asset_id)s::uuid, %(kind)s::text, %(name)s::text, %(bss_id)s::text, %(fps)s::float,
        %(lens)s::text, %(sample_rate)s::float, %(channels)s::int, %(format)s::text,
        %(language)s::text, %(width)s::int, %(height)s::int, %(tags)s::text[],
        %(metadata)s::jsonb
    )
    RETURNING asset_id
"""


def register(
    connection: Connection,
    *,
    kind: Kind,
    asset_id: str,
    subject: str,
    asset: Mapping[str, Any],
    idempotency_key: str | None = None,
) -> Registered:
    """Register an asset as :func:`dreamlake_assets.store.asset.register` does, step by step.

    :param idempotency_key: ignored: the published chain does not support it.
    """
    row = {**OWN_COLUMNS, **asset, "asset_id": asset_id, "kind": kind.name, "subject": subject}
    row |= {"episode_id": None, "node_id": None}

    def run(statement: str, **more: object) -> Any:
        parameters = {**row, **more, "new_id": str(uuid7())}
        return connection.execute(statement.encode(), parameters, prepare=True).fetchone()

    with connection.transaction():
        member = run(_NAMESPACE)
        if member is None:
            raise NamespaceNotFound
        row["namespace_id"], role = member
        if role != "writer":
            raise Forbidden
        (row["space_id"],) = run(_SPACE)
        if row["episode"] is not None:
            (row["episode_id"],) = run(_EPISODE)
        for path in folders(row["name"]):
            (row["node_id"],) = run(_NODE, path=path)
        run(_ASSET)
    return Registered(asset_id, row["space_id"], row["episode_id"], row["node_id"])


def create_app() -> Flask:
    """Create the service with registration by the chain."""
    store.asset.register = register
    return dreamlake_assets.create_app()
