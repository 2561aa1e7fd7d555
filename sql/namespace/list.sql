-- Lists the namespaces with their members.
--
-- Route:   dreamlake-assets namespace list
-- Params:
--     none
-- Returns: many: slug, readers, writers; by slug. The last two are arrays of subjects.
-- Index:   none, it reads all of them: a Seq Scan, or a key in its order

SELECT
    namespace.slug,
    coalesce(
        array_agg(namespace_member.subject ORDER BY namespace_member.subject)
        FILTER (WHERE namespace_member.role = 'reader'),
        '{}'
    ) AS readers,
    coalesce(
        array_agg(namespace_member.subject ORDER BY namespace_member.subject)
        FILTER (WHERE namespace_member.role = 'writer'),
        '{}'
    ) AS writers
FROM namespace
LEFT JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
GROUP BY namespace.slug
ORDER BY namespace.slug ASC
