-- Registers a batch of assets on existing paths: all of them, or none.
--
-- Route:   POST /assets/batch
-- Params:
--     namespace        text           testuser
--     subject          text           test-001
--     project          text           robotics
--     places           jsonb          [{"episode": "run-042", "folder": "/camera/front", "items":
--                                    [{"asset_id": "01970000-0000-7000-8000-000000000001",
--                                    "kind": "video", "name": "/camera/front/run01.mp4",
--                                    "bss_id": "a1b2c3", "fps": 30.0, "lens": "pinhole",
--                                    "tags": ["night", "rain"], "metadata": {"robot": "r2"}}]}]
--     first_id         uuid           01970000-0000-7000-8000-000000000001
--     idempotency_key  text or null   8e03978e-40d5-43e8-bc93-6894a57f9324
--     request_digest   bytea or null  \xe609f429c090a192b397e48dd5ae9db850aad34ce95937a6812b3d680131a3a8
-- Returns: many: asset_id, space_id, episode_id, node_id of each new asset, in any order. None, and
--          nothing is written: a part of a path is missing, the subject may not write to the
--          namespace, or the same batch was registered with the key before.
-- Index:   namespace_slug_key, namespace_member_pkey, space_slug_key, episode_name_key,
--          node_path_key and asset_by_idempotency_key, an Index Scan each; asset_pkey, for the
--          conflict
-- Why:     A place is an episode and a folder, with the assets in it, so each place is looked up
--          once. "found" counts the places that exist: unless all of them do, no asset is inserted.
--          LATERAL with LIMIT makes each lookup one descent of an index, whatever the statistics.
--          The key is on the first asset of the batch. If another request has it, its index
--          refuses the statement (SQLSTATE 23505), which undoes all of it.
--          The service makes the ids. When a connection breaks before the answer, the service sends
--          the same statement again, and the conflict returns the rows that are there.
--          See sql/README.md: #lateral-fixes-the-join-order, #the-empty-text-names-nothing.

INSERT INTO asset AS made (
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
    place.namespace_id,
    place.space_id,
    place.episode_id,
    place.node_id,
    item.asset_id,
    item.kind,
    item.name,
    item.bss_id,
    item.fps,
    item.lens,
    item.sample_rate,
    item.channels,
    item.format,
    item.language,
    item.width,
    item.height,
    item.size,
    decode(item.sha256, 'hex') AS sha256,
    item.content_type,
    item.tags,
    item.metadata,
    CASE WHEN item.asset_id = %(first_id)s::uuid THEN %(idempotency_key)s::text END AS idempotency_key,
    CASE WHEN item.asset_id = %(first_id)s::uuid THEN %(request_digest)s::bytea END AS request_digest
FROM (
    SELECT
        space.namespace_id,
        space.space_id,
        episode.episode_id,
        node.node_id,
        given.items,
        count(*) OVER () AS found
    FROM namespace
    INNER JOIN namespace_member
        ON namespace_member.namespace_id = namespace.namespace_id
        AND namespace_member.subject = %(subject)s::text
        AND namespace_member.role = 'writer'
    INNER JOIN space
        ON space.namespace_id = namespace.namespace_id
        AND space.slug = %(project)s::text
    LEFT JOIN LATERAL (
        SELECT asset.request_digest
        FROM asset
        WHERE asset.namespace_id = space.namespace_id
            AND asset.idempotency_key BETWEEN %(idempotency_key)s::text AND %(idempotency_key)s::text
        ORDER BY asset.idempotency_key ASC
        LIMIT 1
    ) AS earlier ON TRUE
    CROSS JOIN jsonb_to_recordset(%(places)s::jsonb) AS given (
        episode text,
        folder text,
        items jsonb
    )
    LEFT JOIN LATERAL (
        SELECT episode.episode_id
        FROM episode
        WHERE episode.namespace_id = space.namespace_id
            AND episode.space_id = space.space_id
            AND episode.name = coalesce(given.episode, '')
        ORDER BY episode.name ASC
        LIMIT 1
    ) AS episode ON TRUE
    LEFT JOIN LATERAL (
        SELECT node.node_id
        FROM node
        WHERE node.namespace_id = space.namespace_id
            AND node.scope_id = coalesce(episode.episode_id, space.space_id)
            AND node.path = coalesce(given.folder, '')
        ORDER BY node.path ASC
        LIMIT 1
    ) AS node ON TRUE
    WHERE namespace.slug = %(namespace)s::text
        AND (episode.episode_id IS NULL) = (given.episode IS NULL)
        AND (node.node_id IS NULL) = (given.folder IS NULL)
        AND (earlier.request_digest = %(request_digest)s::bytea) IS NOT TRUE
) AS place
CROSS JOIN LATERAL jsonb_to_recordset(place.items) AS item (
    asset_id uuid,
    kind text,
    name text,
    bss_id text,
    fps float,
    lens text,
    sample_rate float,
    channels int,
    format text,
    language text,
    width int,
    height int,
    size bigint,
    sha256 text,
    content_type text,
    tags text[],
    metadata jsonb
)
WHERE place.found = jsonb_array_length(%(places)s::jsonb)
ON CONFLICT (namespace_id, asset_id) DO UPDATE SET asset_id = excluded.asset_id
RETURNING
    made.asset_id,
    made.space_id,
    made.episode_id,
    made.node_id
