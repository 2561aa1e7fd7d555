-- Lists the folders directly in a folder, in all episodes of a project and outside them, each once.
--
-- Route:   GET /assets/folders
-- Params:
--     namespace  text            testuser
--     subject    text            test-001
--     project    text            robotics
--     parent     text            /camera
--     from_name  text            /camera/
--     row_limit  bigint or null  100
-- Returns: many: node_id (null where the folder is in several places), path, and missing ('project' or
--          null). Without a match: one row in which node_id and path are null. None: there is no such
--          namespace, or the subject is not a member of it.
-- Index:   node_by_space_path, an Index Only Scan for each hop and an Index Scan for each folder; for
--          the path: namespace_slug_key, namespace_member_pkey and space_slug_key, an Index Scan each
-- Why:     The root is ''. A hop finds the next path, and hop_from is the least path that may come
--          after it. After /camera/front come /camera/front-left and then what is in /camera/front:
--          of that only the first path is read, and the next hop goes to /camera/front0, since '0' is
--          the character after '/'. So a folder costs two hops, whatever it contains, and however
--          many episodes have it. Each hop leads to a greater path and there is no ORDER BY, which
--          would find all folders before it returned the first one.
--          See sql/README.md: #between-and-order-by-choose-the-index, #one-row-when-nothing-matches.

WITH RECURSIVE place AS (
    SELECT
        namespace.namespace_id,
        space.space_id
    FROM namespace
    INNER JOIN namespace_member
        ON namespace_member.namespace_id = namespace.namespace_id
        AND namespace_member.subject = %(subject)s::text
    LEFT JOIN space
        ON space.namespace_id = namespace.namespace_id
        AND space.slug = %(project)s::text
    WHERE namespace.slug = %(namespace)s::text
),

hop AS (
    SELECT
        NULL::text COLLATE "C" AS path,
        %(from_name)s::text COLLATE "C" AS hop_from
    UNION ALL
    SELECT
        CASE WHEN next_node.slash = 0 THEN next_node.path END AS path,
        CASE
            WHEN next_node.slash = 0 THEN next_node.path || U&'\0001'
            ELSE left(next_node.path, length(%(parent)s::text) + next_node.slash) || '0'
        END AS hop_from
    FROM hop
    CROSS JOIN place
    CROSS JOIN LATERAL (
        SELECT
            node.path,
            strpos(substr(node.path, length(%(parent)s::text) + 2), '/') AS slash
        FROM node
        WHERE node.namespace_id = place.namespace_id
            AND node.space_id = place.space_id
            AND node.path >= hop.hop_from
            AND node.path < %(parent)s::text || '0'
        ORDER BY node.path ASC
        LIMIT 1
    ) AS next_node
)

SELECT
    page.node_id,
    page.path,
    CASE
        WHEN place.space_id IS NULL THEN 'project'
    END AS missing
FROM place
LEFT JOIN LATERAL (
    SELECT
        hop.path,
        sole.node_id
    FROM hop
    CROSS JOIN LATERAL (
        SELECT CASE WHEN count(*) = 1 THEN (array_agg(two.node_id))[1] END AS node_id
        FROM (
            SELECT node.node_id
            FROM node
            WHERE node.namespace_id = place.namespace_id
                AND node.space_id = place.space_id
                AND node.path BETWEEN hop.path AND hop.path
            ORDER BY node.path ASC
            LIMIT 2
        ) AS two
    ) AS sole
    WHERE hop.path IS NOT NULL
    LIMIT %(row_limit)s::bigint -- noqa: AM09
) AS page
    ON TRUE
