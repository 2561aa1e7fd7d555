-- Lists the episodes of a project by name.
--
-- Route:   GET /assets/episodes
-- Params:
--     namespace   text            testuser
--     subject     text            test-001
--     project     text            robotics
--     from_name   text            run-
--     upper_name  text            run.
--     regex       text            ^/run-[^/]*$
--     row_limit   bigint or null  100
-- Returns: many: episode_id, name, space_id, created_at, and missing ('project' or null). Without a
--          match: one row in which all columns of an episode are null. None: there is no such
--          namespace, or the subject is not a member of it.
-- Index:   episode_by_name, Index Scan; for the path: namespace_slug_key, namespace_member_pkey and
--          space_slug_key, an Index Scan each
-- Why:     The index has the condition name > '', which is true of every episode and keeps other
--          statements away from it. A glob describes a path with a leading slash, which the name of
--          an episode lacks. Without a glob the expression is empty and matches all names. A page
--          begins at the least name that may come next: the last name of the page before and the
--          least character.
--          See sql/README.md: #the-outer-query-has-no-order-by, #one-row-when-nothing-matches,
--          #created_at-as-text.

SELECT
    page.episode_id,
    page.name,
    page.space_id,
    to_char(page.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    CASE
        WHEN space.space_id IS NULL THEN 'project'
    END AS missing
FROM namespace
INNER JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
LEFT JOIN space
    ON space.namespace_id = namespace.namespace_id
    AND space.slug = %(project)s::text
LEFT JOIN LATERAL (
    SELECT
        episode.episode_id,
        episode.name,
        episode.space_id,
        episode.created_at
    FROM episode
    WHERE episode.namespace_id = space.namespace_id
        AND episode.space_id = space.space_id
        AND episode.name > ''
        AND episode.name >= %(from_name)s::text
        AND episode.name < %(upper_name)s::text
        AND '/' || episode.name ~ %(regex)s::text
    ORDER BY episode.name ASC
    LIMIT %(row_limit)s::bigint
) AS page
    ON TRUE
WHERE namespace.slug = %(namespace)s::text
