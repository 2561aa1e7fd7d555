-- Restores a deleted asset of the namespaces of the subject.
--
-- Route:   POST /assets/<kind>/<id>/restore
-- Params:
--     subject    text           test-001
--     asset_id   uuid           01970000-000e-7000-8000-0000000f4240
--     kind       text           video
--     change_id  uuid           01970000-0000-7000-8000-000000000005
--     revisions  int[] or null  {1}
-- Returns: one: outcome (changed, unchanged, forbidden, precondition_failed or stale) and the columns of
--          asset/find_by_id, as they are after the statement. None: there is no such asset, or the
--          subject may not see it.
-- Index:   namespace_member_by_subject, Index Scan; asset_pkey, an Index Scan for each namespace of
--          the subject, and one for the row to change; namespace_pkey, space_pkey, episode_pkey and
--          node_pkey, an Index Scan each
-- Why:     As in asset/delete.
--          See sql/README.md: #generic-plans, #lateral-fixes-the-join-order,
--          #between-and-order-by-choose-the-index, #concurrent-changes, #created_at-as-text.

WITH place AS (
    SELECT
        asset.namespace_id,
        asset.space_id,
        asset.episode_id,
        asset.node_id,
        asset.asset_id,
        asset.kind,
        asset.name,
        asset.bss_id,
        asset.fps,
        asset.lens,
        asset.sample_rate,
        asset.channels,
        asset.format,
        asset.language,
        asset.width,
        asset.height,
        asset.size,
        asset.sha256,
        asset.content_type,
        asset.tags,
        asset.metadata,
        asset.created_at,
        asset.updated_at,
        asset.revision,
        CASE
            WHEN namespace_member.role <> 'writer' THEN 'forbidden'
            WHEN asset.change_id = %(change_id)s::uuid THEN 'unchanged'
            WHEN asset.revision <> all(%(revisions)s::int[]) THEN 'precondition_failed'
            WHEN asset.deleted_at IS NULL THEN 'unchanged'
            ELSE 'changed'
        END AS outcome
    FROM namespace_member
    CROSS JOIN LATERAL (
        SELECT
            found.namespace_id,
            found.space_id,
            found.episode_id,
            found.node_id,
            found.asset_id,
            found.kind,
            found.name,
            found.bss_id,
            found.fps,
            found.lens,
            found.sample_rate,
            found.channels,
            found.format,
            found.language,
            found.width,
            found.height,
            found.size,
            found.sha256,
            found.content_type,
            found.tags,
            found.metadata,
            found.created_at,
            coalesce(found.updated_at, found.created_at) AS updated_at,
            found.revision,
            found.deleted_at,
            found.change_id
        FROM asset AS found
        WHERE found.namespace_id = namespace_member.namespace_id
            AND found.kind = %(kind)s::text
            AND found.asset_id BETWEEN %(asset_id)s::uuid AND %(asset_id)s::uuid
        ORDER BY found.asset_id ASC
        LIMIT 1
    ) AS asset
    WHERE namespace_member.subject = %(subject)s::text
),

changed AS (
    UPDATE asset
    SET
        revision = asset.revision + 1,
        updated_at = now(),
        deleted_at = NULL,
        change_id = %(change_id)s::uuid
    FROM place
    WHERE asset.namespace_id = place.namespace_id
        AND asset.asset_id = place.asset_id
        AND place.outcome = 'changed'
        AND asset.revision = place.revision
    RETURNING
        asset.revision,
        asset.updated_at
)

SELECT
    CASE
        WHEN place.outcome = 'changed' AND changed.revision IS NULL THEN 'stale'
        ELSE place.outcome
    END AS outcome,
    place.asset_id,
    place.kind,
    namespace.slug AS namespace,
    space.slug AS project,
    place.space_id,
    place.episode_id,
    episode.name AS episode_name,
    place.node_id,
    node.path AS folder,
    place.name,
    place.bss_id,
    place.fps,
    place.lens,
    place.sample_rate,
    place.channels,
    place.format,
    place.language,
    place.width,
    place.height,
    place.size,
    encode(place.sha256, 'hex') AS sha256,
    place.content_type,
    place.tags,
    place.metadata,
    to_char(place.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    to_char(
        coalesce(changed.updated_at, place.updated_at) AT TIME ZONE 'UTC',
        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
    ) AS updated_at,
    NULL AS deleted_at,
    coalesce(changed.revision, place.revision) AS revision
FROM place
INNER JOIN namespace
    ON namespace.namespace_id = place.namespace_id
INNER JOIN space
    ON space.namespace_id = place.namespace_id
    AND space.space_id = place.space_id
LEFT JOIN episode
    ON episode.namespace_id = place.namespace_id
    AND episode.space_id = place.space_id
    AND episode.episode_id = place.episode_id
LEFT JOIN node
    ON node.namespace_id = place.namespace_id
    AND node.space_id = place.space_id
    AND node.node_id = place.node_id
LEFT JOIN changed
    ON TRUE
