-- Registers an asset on an existing path, once for each Idempotency-Key.
--
-- Route:   POST /assets/<kind> with Idempotency-Key
-- Params:
--     namespace        text            testuser
--     subject          text            test-001
--     project          text            robotics
--     episode          text or null    run-042
--     folder           text or null    /camera/front
--     asset_id         uuid            01970000-0000-7000-8000-000000000001
--     kind             text            video
--     name             text or null    /camera/front/run01.mp4
--     bss_id           text or null    a1b2c3
--     fps              float or null   30
--     lens             text or null    pinhole
--     sample_rate      float or null   null
--     channels         int or null     null
--     format           text or null    null
--     language         text or null    null
--     width            int or null     null
--     height           int or null     null
--     size             bigint or null  null
--     sha256           text or null    null
--     content_type     text or null    null
--     tags             text[]          {night,rain}
--     metadata         jsonb or null   {"robot": "r2"}
--     idempotency_key  text            8e03978e-40d5-43e8-bc93-6894a57f9324
--     request_digest   bytea           \xe609f429c090a192b397e48dd5ae9db850aad34ce95937a6812b3d680131a3a8
-- Returns: one: asset_id, space_id, episode_id, node_id of the asset that has the key, new or
--          earlier, and is_same: whether it was registered by the same request. None, and nothing is
--          written: a part of the path is missing, or the subject may not write to the namespace.
-- Index:   namespace_slug_key, namespace_member_pkey, space_slug_key, episode_name_key and
--          node_path_key, an Index Scan each; asset_by_idempotency_key, Index Scan, and for the
--          conflict
-- Why:     "earlier" finds the asset of a key that was used before, and the episode and the folder of
--          the request: the asset may have moved since. For the same request the statement then
--          writes nothing. A statement that is sent again after a lost connection finds its own row
--          in this way.
--          Where the path exists and the key belongs to another request, the conflict divides by
--          zero. The path may have been created in the same flight, which commits without another
--          roundtrip, so only an error undoes it. SQLSTATE 22012 identifies this error: no other
--          statement divides, and Citus passes on the SQLSTATE of a worker's error but not its table
--          and column.
--          Example: A and B send one key with different bodies, each for a new path, at the same time.
--          1. Neither finds the key or its path, so each sends its flight, which creates its path.
--          2. A inserts its asset. B's insert waits for A's entry in asset_by_idempotency_key.
--          3. A commits: 201. B's conflict sees A's row: the digests differ, 1 / 0 fails.
--          4. PostgreSQL undoes B's flight with its path: 422. With equal digests, B would return A's
--             row instead: 201 with Idempotent-Replayed.
--          See sql/README.md: #generic-plans, #lateral-fixes-the-join-order,
--          #between-and-order-by-choose-the-index, #the-empty-text-names-nothing.

WITH earlier AS (
    SELECT
        found.asset_id,
        found.space_id,
        episode.episode_id,
        node.node_id,
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
            asset.request_digest
        FROM asset
        WHERE asset.namespace_id = namespace.namespace_id
            AND asset.idempotency_key BETWEEN %(idempotency_key)s::text AND %(idempotency_key)s::text
        ORDER BY asset.idempotency_key ASC
        LIMIT 1
    ) AS found
    LEFT JOIN episode
        ON episode.namespace_id = namespace.namespace_id
        AND episode.space_id = found.space_id
        AND episode.name = coalesce(%(episode)s::text, '')
    LEFT JOIN node
        ON node.namespace_id = namespace.namespace_id
        AND node.scope_id = coalesce(episode.episode_id, found.space_id)
        AND node.path = coalesce(%(folder)s::text, '')
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
        size,
        sha256,
        content_type,
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
        %(size)s::bigint,
        decode(%(sha256)s::text, 'hex') AS sha256,
        %(content_type)s::text,
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
