-- Adds a subject to a namespace, or changes its role there.
--
-- Route:   dreamlake-assets namespace create --member, namespace member add
-- Params:
--     namespace  text  testuser
--     subject    text  test-001
--     role       text  writer
-- Returns: scalar: role. None: there is no such namespace.
-- Index:   namespace_slug_key, Index Scan; namespace_member_pkey, for the conflict

INSERT INTO namespace_member (
    namespace_id,
    subject,
    role
)
SELECT
    namespace.namespace_id,
    %(subject)s::text,
    %(role)s::text
FROM namespace
WHERE namespace.slug = %(namespace)s::text
ON CONFLICT (namespace_id, subject) DO UPDATE SET role = excluded.role
RETURNING role
