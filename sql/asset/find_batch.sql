-- Finds the batch that was registered with an Idempotency-Key, and the places of the assets in it.
--
-- Route:   POST /assets/batch with Idempotency-Key
-- Params:
--     namespace        text    testuser
--     subject          text    test-001
--     project          text    robotics
--     episodes         text[]  {run-042}
--     folders          text[]  {/camera/front}
--     idempotency_key  text    8e03978e-40d5-43e8-bc93-6894a57f9324
--     request_digest   bytea   \xe609f429c090a192b397e48dd5ae9db850aad34ce95937a6812b3d680131a3a8
-- Returns: many: asset_id, is_same, space_id, episode_id, node_id; a row for each place, in the order
--          of the parameters. asset_id is that of the asset that has the key, and is_same tells
--          whether it was registered by the same request. None: no asset has the key, or the subject
--          may not write to the namespace.
-- Index:   namespace_slug_key, namespace_member_pkey, asset_by_idempotency_key, space_slug_key,
--          episode_name_key and node_path_key, an Index Scan each
-- Why:     A replayed response has the places of the request, from which assets may have been moved
--          since. An element of both arrays is a place: an episode and a folder, each may be null.
--          See sql/README.md: #lateral-fixes-the-join-order, #between-and-order-by-choose-the-index,
--          #the-empty-text-names-nothing.

SELECT
    found.asset_id,
    found.request_digest = %(request_digest)s::bytea AS is_same,
    space.space_id,
    episode.episode_id,
    node.node_id
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
        asset.request_digest
    FROM asset
    WHERE asset.namespace_id = namespace.namespace_id
        AND asset.idempotency_key BETWEEN %(idempotency_key)s::text AND %(idempotency_key)s::text
    ORDER BY asset.idempotency_key ASC
    LIMIT 1
) AS found
CROSS JOIN unnest(%(episodes)s::text[], %(folders)s::text[])
    WITH ORDINALITY AS given (episode, folder, position)
LEFT JOIN LATERAL (
    SELECT space.space_id
    FROM space
    WHERE space.namespace_id = namespace.namespace_id
        AND space.slug = %(project)s::text
    ORDER BY space.slug ASC
    LIMIT 1
) AS space ON TRUE
LEFT JOIN LATERAL (
    SELECT episode.episode_id
    FROM episode
    WHERE episode.namespace_id = namespace.namespace_id
        AND episode.space_id = space.space_id
        AND episode.name = coalesce(given.episode, '')
    ORDER BY episode.name ASC
    LIMIT 1
) AS episode ON TRUE
LEFT JOIN LATERAL (
    SELECT node.node_id
    FROM node
    WHERE node.namespace_id = namespace.namespace_id
        AND node.scope_id = coalesce(episode.episode_id, space.space_id)
        AND node.path = coalesce(given.folder, '')
    ORDER BY node.path ASC
    LIMIT 1
) AS node ON TRUE
WHERE namespace.slug = %(namespace)s::text
    AND member.role = 'writer'
ORDER BY given.position ASC
