-- Finds an asset by its id in the namespaces of the subject.
--
-- Route:   GET /assets/<kind>/<id>
-- Params:
--     subject   text  test-001
--     asset_id  uuid  01970000-000e-7000-8000-0000000f4240
--     kind      text  video
-- Returns: one: asset_id, kind, namespace, project, space_id, episode_id, episode_name, node_id,
--          folder, name, bss_id, fps, lens, sample_rate, channels, format, language, width, height,
--          size, sha256, content_type, tags, metadata, created_at, updated_at, deleted_at, revision
--          of an asset, live or deleted. None: there is no such asset, or the subject may not see it.
-- Index:   namespace_member_by_subject, Index Scan; asset_pkey, an Index Scan for each namespace of
--          the subject; namespace_pkey, space_pkey, episode_pkey and node_pkey, an Index Scan each
-- Why:     The request names no namespace, and every key begins with one. So the asset is looked up
--          in each namespace of the subject, which takes about a microsecond each; most subjects are
--          members of one. An index on asset_id would be written by every registration.
--          See sql/README.md: #generic-plans, #lateral-fixes-the-join-order,
--          #between-and-order-by-choose-the-index, #created_at-as-text.

SELECT
    asset.asset_id,
    asset.kind,
    namespace.slug AS namespace,
    space.slug AS project,
    asset.space_id,
    asset.episode_id,
    episode.name AS episode_name,
    asset.node_id,
    node.path AS folder,
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
    encode(asset.sha256, 'hex') AS sha256,
    asset.content_type,
    asset.tags,
    asset.metadata,
    to_char(asset.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    to_char(asset.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS updated_at,
    to_char(asset.deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS deleted_at,
    asset.revision
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
        found.deleted_at,
        found.revision
    FROM asset AS found
    WHERE found.namespace_id = namespace_member.namespace_id
        AND found.kind = %(kind)s::text
        AND found.asset_id BETWEEN %(asset_id)s::uuid AND %(asset_id)s::uuid
    ORDER BY found.asset_id ASC
    LIMIT 1
) AS asset
INNER JOIN namespace
    ON namespace.namespace_id = asset.namespace_id
INNER JOIN space
    ON space.namespace_id = asset.namespace_id
    AND space.space_id = asset.space_id
LEFT JOIN episode
    ON episode.namespace_id = asset.namespace_id
    AND episode.space_id = asset.space_id
    AND episode.episode_id = asset.episode_id
LEFT JOIN node
    ON node.namespace_id = asset.namespace_id
    AND node.space_id = asset.space_id
    AND node.node_id = asset.node_id
WHERE namespace_member.subject = %(subject)s::text
