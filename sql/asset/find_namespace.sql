-- Finds the namespace of an asset among those of the subject.
--
-- Route:   every route with the id of one asset, of a subject with several namespaces, on a Citus
--          cluster only
-- Params:
--     namespaces  uuid[]  {01970000-0000-7000-8000-000000000001,01970000-0000-7000-8000-000000000002}
--     asset_id    uuid    01970000-000e-7000-8000-0000000f4240
-- Returns: scalar: namespace_id. None: there is no such asset in these namespaces.
-- Index:   asset_pkey, an Index Scan for each namespace
-- Why:     The request names no namespace. Citus sends this statement to the shards of these
--          namespaces at once, and then that of the route to one shard.

SELECT asset.namespace_id
FROM asset
WHERE asset.namespace_id = any(%(namespaces)s::uuid[])
    AND asset.asset_id = %(asset_id)s::uuid
ORDER BY asset.namespace_id ASC
LIMIT 1
