-- Lists the folders of an episode directly in a folder.
--
-- Route:   GET /assets/folders?episode= or ?episodeId=
-- Params:
--     namespace   text            testuser
--     subject     text            test-001
--     project     text            robotics
--     episode     text or null    run-042
--     episode_id  uuid or null    null
--     parent      text            /camera
--     from_name   text            /camera/
--     row_limit   bigint or null  100
-- Returns: many: node_id, path, and missing ('project', 'episode' or null). Without a match: one row in
--          which node_id and path are null. None: there is no such namespace, or the subject is not a
--          member of it.
-- Index:   node_path_key, an Index Scan for each hop; for the path: namespace_slug_key,
--          namespace_member_pkey, space_slug_key, episode_name_key and episode_pkey, an Index Scan each
-- Why:     As in node/list_by_project, except that an episode has each path once.
--          See sql/README.md: #an-episode-by-name-or-by-id, #one-row-when-nothing-matches.

WITH RECURSIVE place AS (
    SELECT
        namespace.namespace_id,
        space.space_id,
        episode.episode_id
    FROM namespace
    INNER JOIN namespace_member
        ON namespace_member.namespace_id = namespace.namespace_id
        AND namespace_member.subject = %(subject)s::text
    LEFT JOIN space
        ON space.namespace_id = namespace.namespace_id
        AND space.slug = %(project)s::text
    LEFT JOIN LATERAL (
        SELECT by_name.episode_id
        FROM episode AS by_name
        WHERE by_name.namespace_id = space.namespace_id
            AND by_name.space_id = space.space_id
            AND by_name.name = %(episode)s::text
        UNION ALL
        SELECT by_id.episode_id
        FROM episode AS by_id
        WHERE by_id.namespace_id = space.namespace_id
            AND by_id.space_id = space.space_id
            AND by_id.episode_id = %(episode_id)s::uuid
    ) AS episode
        ON TRUE
    WHERE namespace.slug = %(namespace)s::text
),

hop AS (
    SELECT
        NULL::uuid AS node_id,
        NULL::text COLLATE "C" AS path,
        %(from_name)s::text COLLATE "C" AS hop_from
    UNION ALL
    SELECT
        next_node.node_id,
        CASE WHEN next_node.slash = 0 THEN next_node.path END AS path,
        CASE
            WHEN next_node.slash = 0 THEN next_node.path || U&'\0001'
            ELSE left(next_node.path, length(%(parent)s::text) + next_node.slash) || '0'
        END AS hop_from
    FROM hop
    CROSS JOIN place
    CROSS JOIN LATERAL (
        SELECT
            node.node_id,
            node.path,
            strpos(substr(node.path, length(%(parent)s::text) + 2), '/') AS slash
        FROM node
        WHERE node.namespace_id = place.namespace_id
            AND node.scope_id = place.episode_id
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
        WHEN place.episode_id IS NULL THEN 'episode'
    END AS missing
FROM place
LEFT JOIN LATERAL (
    SELECT
        hop.node_id,
        hop.path
    FROM hop
    WHERE hop.path IS NOT NULL
    LIMIT %(row_limit)s::bigint -- noqa: AM09
) AS page
    ON TRUE
