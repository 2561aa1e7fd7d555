-- Takes a subject's membership of a namespace away; it counts from the next request on.
--
-- Route:   dreamlake-assets namespace member remove
-- Params:
--     namespace  text  testuser
--     subject    text  test-001
-- Returns: scalar: the role that was taken away. None: the subject was no member, or there is no such
--          namespace.
-- Index:   namespace_slug_key and namespace_member_pkey, an Index Scan each

DELETE FROM namespace_member
USING namespace
WHERE namespace.slug = %(namespace)s::text
    AND namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
RETURNING namespace_member.role
