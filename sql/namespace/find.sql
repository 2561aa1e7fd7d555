-- Finds the id of a namespace, for the statements that Citus sends to one shard.
--
-- Route:   every route below /assets, on a Citus cluster only
-- Params:
--     namespace  text  testuser
-- Returns: scalar: namespace_id. None: there is no such namespace.
-- Index:   namespace_slug_key, Index Scan

SELECT namespace.namespace_id
FROM namespace
WHERE namespace.slug = %(namespace)s::text
