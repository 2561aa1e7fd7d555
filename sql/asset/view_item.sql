-- Returns what a list of all kinds shows of assets, for the ids of a list.
--
-- Route:   GET /assets; GET /assets/<kind> with sha256=, deleted=only or several episodes; POST
--          /assets/download with a selection
-- Params:
--     namespace  text    testuser
--     asset_ids  uuid[]  {01970000-000e-7000-8000-0000000f4240}
-- Returns: many: asset_id, name, bss_id, fps, lens, sample_rate, channels, format, language, width,
--          height, size, sha256, content_type, created_at, kind, episode_id, and missing (null, or
--          that of the list). None: there is no such namespace.
-- Index:   namespace_slug_key, Index Scan; asset_pkey, an Index Scan for each asset
-- Why:     The service puts another statement in place of the subquery "listed": the one that lists,
--          whose columns are asset_id, name, others, and missing. So an asset that is listed by any
--          index is looked up by its id, in the order of the list.
--          See sql/README.md: #keys-of-a-page, #lateral-fixes-the-join-order,
--          #between-and-order-by-choose-the-index, #created_at-as-text.

SELECT
    listed.asset_id,
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
    to_char(whole.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    whole.kind,
    whole.episode_id,
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
        asset.created_at,
        asset.kind,
        asset.episode_id
    FROM asset
    WHERE asset.namespace_id = namespace.namespace_id
        AND asset.asset_id BETWEEN listed.asset_id AND listed.asset_id
    ORDER BY asset.asset_id ASC
    LIMIT 1
) AS whole
    ON TRUE
WHERE namespace.slug = %(namespace)s::text
