-- Removes a subject from a namespace, from its next request on.
--
-- Route:   dreamlake-assets namespace member remove
-- Params:
--     namespace  text  testuser
--     subject    text  test-001
-- Returns: scalar: the role that the subject had. None: the subject was not a member, or there is no
--          such namespace.
-- Index:   namespace_slug_key and namespace_member_pkey, an Index Scan each

DELETE FROM namespace_member
USING namespace
WHERE namespace.slug = %(namespace)s::text
    AND namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
RETURNING namespace_member.role
