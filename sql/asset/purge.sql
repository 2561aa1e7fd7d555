-- Removes deleted assets of a namespace from the database, and their idempotency keys with them.
--
-- Route:   dreamlake-assets purge
-- Params:
--     namespace_id  uuid         01970000-0000-7000-8000-000000000005
--     asset_ids     uuid[]       {01970000-000e-7000-8000-0000000f4240}
--     cutoff        timestamptz  2026-01-01 00:00:00+00
-- Returns: many: asset_id of each removed asset, in any order.
-- Index:   asset_pkey, Index Scan
-- Why:     An asset that was restored meanwhile stays. The comparison is written with coalesce so
--          that asset_by_deleted_at does not serve it: that index would be read for all namespaces.

DELETE FROM asset
WHERE asset.namespace_id = %(namespace_id)s::uuid
    AND asset.asset_id = any(%(asset_ids)s::uuid[])
    AND coalesce(asset.deleted_at, 'infinity') < %(cutoff)s::timestamptz
RETURNING asset.asset_id
