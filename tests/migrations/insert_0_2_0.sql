-- The statement with which release 0.2.0 registers an asset with an Idempotency-Key. Frozen: it runs
-- while and after a database is migrated to a later release.

WITH earlier AS (
    SELECT
        found.asset_id,
        found.space_id,
        found.episode_id,
        found.node_id,
        found.request_digest = %(request_digest)s::bytea AS is_same
    FROM namespace
    CROSS JOIN LATERAL (
        SELECT namespace_member.role
        FROM namespace_member
        WHERE namespace_member.namespace_id = namespace.namespace_id
            AND namespace_member.subject = %(subject)s::text
        ORDER BY namespace_member.subject ASC
        LIMIT 1
    ) AS member
    CROSS JOIN LATERAL (
        SELECT
            asset.asset_id,
            asset.space_id,
            asset.episode_id,
            asset.node_id,
            asset.request_digest
        FROM asset
        WHERE asset.namespace_id = namespace.namespace_id
            AND asset.idempotency_key BETWEEN %(idempotency_key)s::text AND %(idempotency_key)s::text
        ORDER BY asset.idempotency_key ASC
        LIMIT 1
    ) AS found
    WHERE namespace.slug = %(namespace)s::text
        AND member.role = 'writer'
),

made AS (
    INSERT INTO asset (
        namespace_id,
        space_id,
        episode_id,
        node_id,
        asset_id,
        kind,
        name,
        bss_id,
        fps,
        lens,
        sample_rate,
        channels,
        format,
        language,
        width,
        height,
        tags,
        metadata,
        idempotency_key,
        request_digest
    )
    SELECT
        space.namespace_id,
        space.space_id,
        episode.episode_id,
        node.node_id,
        %(asset_id)s::uuid,
        %(kind)s::text,
        %(name)s::text,
        %(bss_id)s::text,
        %(fps)s::float,
        %(lens)s::text,
        %(sample_rate)s::float,
        %(channels)s::int,
        %(format)s::text,
        %(language)s::text,
        %(width)s::int,
        %(height)s::int,
        %(tags)s::text[],
        %(metadata)s::jsonb,
        %(idempotency_key)s::text,
        %(request_digest)s::bytea
    FROM namespace
    INNER JOIN namespace_member
        ON namespace_member.namespace_id = namespace.namespace_id
        AND namespace_member.subject = %(subject)s::text
        AND namespace_member.role = 'writer'
    INNER JOIN space
        ON space.namespace_id = namespace.namespace_id
        AND space.slug = %(project)s::text
    LEFT JOIN episode
        ON episode.namespace_id = space.namespace_id
        AND episode.space_id = space.space_id
        AND episode.name = coalesce(%(episode)s::text, '')
    LEFT JOIN node
        ON node.namespace_id = space.namespace_id
        AND node.scope_id = coalesce(episode.episode_id, space.space_id)
        AND node.path = coalesce(%(folder)s::text, '')
    WHERE namespace.slug = %(namespace)s::text
        AND NOT EXISTS (
            SELECT 1
            FROM earlier
            WHERE earlier.is_same
        )
        AND (episode.episode_id IS NULL) = (%(episode)s::text IS NULL)
        AND (node.node_id IS NULL) = (%(folder)s::text IS NULL)
    ON CONFLICT (namespace_id, idempotency_key) WHERE idempotency_key IS NOT NULL
    DO UPDATE SET
        asset_id = asset.asset_id
    WHERE 1 / (asset.request_digest = excluded.request_digest)::int = 1
    RETURNING
        asset_id,
        space_id,
        episode_id,
        node_id
)

SELECT
    earlier.asset_id,
    earlier.space_id,
    earlier.episode_id,
    earlier.node_id,
    earlier.is_same
FROM earlier
UNION ALL
SELECT
    made.asset_id,
    made.space_id,
    made.episode_id,
    made.node_id,
    TRUE AS is_same
FROM made
