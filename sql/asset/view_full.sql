-- Returns all fields of assets, for the ids of a list.
--
-- Route:   every list of assets with view=full; GET /assets/lookup
-- Params:
--     namespace  text    testuser
--     project    text    robotics
--     asset_ids  uuid[]  {01970000-000e-7000-8000-0000000f4240}
-- Returns: many: asset_id, kind, namespace, project, space_id, episode_id, episode_name, node_id,
--          folder, name, bss_id, fps, lens, sample_rate, channels, format, language, width, height,
--          size, sha256, content_type, tags, metadata, created_at, updated_at, deleted_at, revision,
--          and missing (null, or that of the list). None: there is no such namespace.
-- Index:   namespace_slug_key, Index Scan; asset_pkey, episode_pkey and node_pkey, an Index Scan each for
--          each asset
-- Why:     The service puts another statement in place of the subquery "listed": the one that lists,
--          whose columns are asset_id, name, others, and missing. So an asset that is listed by any
--          index is looked up by its id, in the order of the list.
--          See sql/README.md: #keys-of-a-page, #lateral-fixes-the-join-order,
--          #between-and-order-by-choose-the-index, #created_at-as-text.

SELECT
    listed.asset_id,
    whole.kind,
    namespace.slug AS namespace,
    %(project)s::text AS project,
    whole.space_id,
    whole.episode_id,
    whole.episode_name,
    whole.node_id,
    whole.folder,
    listed.name,
    whole.bss_id,
    whole.fps,
    whole.lens,
    whole.sample_rate,
    whole.channels,
    whole.format,
    whole.language,
    whole.width,
    whole.height,
    whole.size,
    encode(whole.sha256, 'hex') AS sha256,
    whole.content_type,
    whole.tags,
    whole.metadata,
    to_char(whole.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    to_char(whole.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS updated_at,
    to_char(whole.deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS deleted_at,
    whole.revision,
    listed.missing
FROM namespace
CROSS JOIN LATERAL (
    SELECT
        given.asset_id,
        NULL::text AS name,
        NULL::text AS missing
    FROM unnest(%(asset_ids)s::uuid[]) AS given (asset_id)
) AS listed
LEFT JOIN LATERAL (
    SELECT
        asset.kind,
        asset.space_id,
        asset.episode_id,
        of_episode.name AS episode_name,
        asset.node_id,
        in_folder.path AS folder,
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
        coalesce(asset.updated_at, asset.created_at) AS updated_at,
        asset.deleted_at,
        asset.revision
    FROM asset
    LEFT JOIN LATERAL (
        SELECT episode.name
        FROM episode
        WHERE episode.namespace_id = asset.namespace_id
            AND episode.space_id = asset.space_id
            AND episode.episode_id BETWEEN asset.episode_id AND asset.episode_id
        ORDER BY episode.episode_id ASC
        LIMIT 1
    ) AS of_episode
        ON TRUE
    LEFT JOIN LATERAL (
        SELECT node.path
        FROM node
        WHERE node.namespace_id = asset.namespace_id
            AND node.space_id = asset.space_id
            AND node.node_id BETWEEN asset.node_id AND asset.node_id
        ORDER BY node.node_id ASC
        LIMIT 1
    ) AS in_folder
        ON TRUE
    WHERE asset.namespace_id = namespace.namespace_id
        AND asset.asset_id BETWEEN listed.asset_id AND listed.asset_id
    ORDER BY asset.asset_id ASC
    LIMIT 1
) AS whole
    ON TRUE
WHERE namespace.slug = %(namespace)s::text
