-- Lists the ids of the namespaces of a subject.
--
-- Route:   every route with the id of one asset, on a Citus cluster only
-- Params:
--     subject  text  test-001
-- Returns: many: namespace_id, in any order.
-- Index:   namespace_member_by_subject, Index Scan

SELECT namespace_member.namespace_id
FROM namespace_member
WHERE namespace_member.subject = %(subject)s::text
