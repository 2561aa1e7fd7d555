-- Finds the ids of assets of any kinds of a project whose names match a glob, folder by folder.
--
-- Route:   GET /assets?glob=
-- Params:
--     namespace     text            testuser
--     subject       text            test-001
--     project       text            robotics
--     kinds         text[]          {video,audio,label-track,text-track,image,file}
--     after_name    text            /camera/
--     after_id      uuid            00000000-0000-0000-0000-000000000000
--     folder_regex  text            ^/camera/[^/]*$
--     folder_lower  text            /camera/
--     folder_upper  text            /camera0
--     folder_depth  int or null     2
--     file_lower    text            /run01.mp4
--     file_upper    text            /run01.mp4\u0001
--     regex         text            ^/camera/[^/]*/run01\.mp4$
--     row_limit     bigint or null  100
-- Returns: many: asset_id, name, and missing ('project' or null). Without a match: one row in which
--          asset_id and name are null. None: there is no such namespace, or the subject is not a
--          member of it.
-- Index:   node_by_space_path, an Index Only Scan for each folder and for each folder in it;
--          asset_live_by_space_name, an Index Only Scan for each gap and kind; for the path:
--          namespace_slug_key, namespace_member_pkey and space_slug_key, an Index Scan each
-- Why:     As in asset/list_by_folder_glob.
--          See sql/README.md: #keys-of-a-page, #files-lie-between-folders,
--          #one-row-when-nothing-matches.

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

folder AS (
    SELECT
        ''::text COLLATE "C" AS path,
        %(folder_lower)s::text COLLATE "C" AS hop_from
    UNION ALL
    SELECT
        next_folder.path,
        CASE
            WHEN length(next_folder.path) - length(replace(next_folder.path, '/', '')) > %(folder_depth)s::int
                THEN array_to_string((string_to_array(next_folder.path, '/'))[:%(folder_depth)s::int + 1], '/') || '0'
            ELSE next_folder.path || U&'\0001'
        END AS hop_from
    FROM folder
    CROSS JOIN place
    CROSS JOIN LATERAL (
        SELECT node.path
        FROM node
        WHERE node.namespace_id = place.namespace_id
            AND node.space_id = place.space_id
            AND node.path >= folder.hop_from
            AND node.path < %(folder_upper)s::text
        ORDER BY node.path ASC
        LIMIT 1
    ) AS next_folder
)

SELECT
    page.asset_id,
    page.name,
    CASE
        WHEN place.space_id IS NULL THEN 'project'
    END AS missing
FROM place
LEFT JOIN LATERAL (
    SELECT
        found.asset_id,
        found.name
    FROM folder
    CROSS JOIN LATERAL (
        WITH RECURSIVE child AS (
            SELECT
                NULL::text COLLATE "C" AS path,
                folder.path || %(file_lower)s::text AS hop_from
            UNION ALL
            SELECT
                CASE WHEN next_child.slash = 0 THEN next_child.path END AS path,
                CASE
                    WHEN next_child.slash = 0 THEN next_child.path || U&'\0001'
                    ELSE left(next_child.path, length(folder.path) + next_child.slash) || '0'
                END AS hop_from
            FROM child
            CROSS JOIN LATERAL (
                SELECT
                    node.path,
                    strpos(substr(node.path, length(folder.path) + 2), '/') AS slash
                FROM node
                WHERE node.namespace_id = place.namespace_id
                    AND node.space_id = place.space_id
                    AND node.path >= child.hop_from
                    AND node.path < folder.path || %(file_upper)s::text
                ORDER BY node.path ASC
                LIMIT 1
            ) AS next_child
        )

        SELECT
            coalesce(
                lag(bound.path || '0') OVER (ORDER BY bound.upper ASC), folder.path || %(file_lower)s::text
            ) AS lower,
            bound.upper
        FROM (
            SELECT
                child.path,
                child.path || '/' AS upper
            FROM child
            WHERE child.path || '/' < folder.path || %(file_upper)s::text
            UNION ALL
            SELECT
                NULL::text AS path,
                folder.path || %(file_upper)s::text AS upper
        ) AS bound
    ) AS gap
    CROSS JOIN unnest(%(kinds)s::text[]) AS of_kind (kind)
    CROSS JOIN LATERAL (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = of_kind.kind
            AND asset.deleted_at IS NULL
            AND (asset.name, asset.asset_id) > (
                greatest(gap.lower, %(after_name)s::text),
                CASE
                    WHEN gap.lower > %(after_name)s::text
                        THEN '00000000-0000-0000-0000-000000000000'::uuid
                    ELSE %(after_id)s::uuid
                END
            )
            AND asset.name < gap.upper
            AND asset.name ~ %(regex)s::text
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
        LIMIT %(row_limit)s::bigint
    ) AS found
    WHERE folder.path ~ %(folder_regex)s::text
    ORDER BY
        found.name ASC,
        found.asset_id ASC
    LIMIT %(row_limit)s::bigint
) AS page
    ON TRUE
