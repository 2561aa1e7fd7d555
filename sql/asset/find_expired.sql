-- Finds assets that were deleted before a time, oldest deletion first.
--
-- Route:   dreamlake-assets purge
-- Params:
--     cutoff            timestamptz   2026-01-01 00:00:00+00
--     of_namespace      uuid or null  01970000-000a-7000-8000-000000000001
--     first_of_batch    bool          false
--     after_deleted_at  timestamptz   -infinity
--     after_id          uuid          00000000-0000-0000-0000-000000000000
--     row_limit         int           100
-- Returns: many: namespace_id, asset_id, deleted_at, namespace, space_id, kind, bss_id, sha256, size,
--          name; by deleted_at and asset_id.
-- Index:   asset_by_deleted_at, Index Scan; asset_pkey, an Index Scan for each asset that may be the
--          first of a batch; namespace_pkey, Index Scan
-- Why:     The key of a batch is on its first asset, whose id ends in ten bits that are 0. The ids of
--          the other assets differ in these bits only. The run with first_of_batch follows the one
--          without, so the others are gone, and the key is kept if one of them is not. One in 1,024
--          of the single assets with a key looks the same; nothing else has its first bits.
--          It begins after the last row that it returned, and so reads no purged row again.
--          On a Citus cluster it runs on all shards.

SELECT
    asset.namespace_id,
    asset.asset_id,
    asset.deleted_at,
    namespace.slug AS namespace,
    asset.space_id,
    asset.kind,
    asset.bss_id,
    encode(asset.sha256, 'hex') AS sha256,
    asset.size,
    asset.name
FROM asset
INNER JOIN namespace
    ON namespace.namespace_id = asset.namespace_id
WHERE asset.deleted_at < %(cutoff)s::timestamptz
    AND (asset.deleted_at, asset.asset_id) > (%(after_deleted_at)s::timestamptz, %(after_id)s::uuid)
    AND asset.namespace_id = coalesce(%(of_namespace)s::uuid, asset.namespace_id)
    AND %(first_of_batch)s::bool = (
        asset.idempotency_key IS NOT NULL
        AND right(asset.asset_id::text, 3) IN ('000', '400', '800', 'c00')
    )
    AND NOT (
        %(first_of_batch)s::bool
        AND EXISTS (
            SELECT 1
            FROM asset AS other
            WHERE other.namespace_id = asset.namespace_id
                AND other.asset_id > asset.asset_id
                AND other.asset_id <= (left(asset.asset_id::text, 33) || 'fff')::uuid
                AND coalesce(other.deleted_at, 'infinity') >= %(cutoff)s::timestamptz
        )
    )
ORDER BY
    asset.deleted_at ASC,
    asset.asset_id ASC
LIMIT %(row_limit)s::int
