-- Finds the id of a namespace and the role of the subject in it.
--
-- Route:   every route below /assets that names a namespace, on a Citus cluster only
-- Params:
--     namespace  text  testuser
--     subject    text  test-001
-- Returns: one: namespace_id, role. None: there is no such namespace, or the subject is not a member
--          of it.
-- Index:   namespace_slug_key and namespace_member_pkey, an Index Scan each
-- Why:     Citus sends a statement to one shard if it names the id. It sends an INSERT … SELECT that
--          reads a reference table to all shards, so those do not read the role themselves.

SELECT
    namespace.namespace_id,
    namespace_member.role
FROM namespace
INNER JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
WHERE namespace.slug = %(namespace)s::text
