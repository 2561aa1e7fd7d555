-- Lists the projects of a namespace by slug.
--
-- Route:   GET /assets/projects
-- Params:
--     namespace   text            testuser
--     subject     text            test-001
--     from_name   text            ro
--     upper_name  text            rp
--     row_limit   bigint or null  100
-- Returns: many: space_id, slug, created_at, and missing (null). Without a match: one row of nulls.
--          None: there is no such namespace, or the subject is not a member of it.
-- Index:   space_slug_key, Index Scan; for the namespace: namespace_slug_key and
--          namespace_member_pkey, an Index Scan each
-- Why:     A page begins at the least name that may come next: the last name of the page before and
--          the least character.
--          See sql/README.md: #the-outer-query-has-no-order-by, #one-row-when-nothing-matches,
--          #created_at-as-text.

SELECT
    page.space_id,
    page.slug,
    to_char(page.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    NULL::text AS missing
FROM namespace
INNER JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
LEFT JOIN LATERAL (
    SELECT
        space.space_id,
        space.slug,
        space.created_at
    FROM space
    WHERE space.namespace_id = namespace.namespace_id
        AND space.slug >= %(from_name)s::text
        AND space.slug < %(upper_name)s::text
    ORDER BY space.slug ASC
    LIMIT %(row_limit)s::bigint
) AS page
    ON TRUE
WHERE namespace.slug = %(namespace)s::text
