-- Lists the namespaces of a subject with its role in each.
--
-- Route:   GET /auth/me
-- Params:
--     subject  text  test-001
-- Returns: many: slug, role; by slug.
-- Index:   namespace_member_by_subject and namespace_pkey, an Index Scan each
-- Why:     OFFSET 0 keeps the order apart: rather than sort, the planner would read all namespaces in
--          their order. See sql/README.md: #nothing-is-sorted-that-an-index-has-in-order.

SELECT
    found.slug,
    found.role
FROM (
    SELECT
        namespace.slug,
        namespace_member.role
    FROM namespace_member
    INNER JOIN namespace
        ON namespace.namespace_id = namespace_member.namespace_id
    WHERE namespace_member.subject = %(subject)s::text
    OFFSET 0 -- noqa: AM09
) AS found
ORDER BY found.slug ASC
