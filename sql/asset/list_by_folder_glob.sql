-- Lists the assets of a project whose names match a glob, folder by folder.
--
-- Route:   GET /assets/<kind>?glob=
-- Params:
--     namespace     text            testuser
--     subject       text            test-001
--     project       text            robotics
--     kind          text            video
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
-- Returns: many: the columns of a listed asset, and missing ('project' or null). Without a match: one
--          row in which all asset columns are null. None: there is no such namespace, or the subject
--          is not a member of it.
-- Index:   node_by_space_path, an Index Only Scan for each folder and for each folder in it;
--          asset_live_by_space_name, an Index Scan for each gap; for the path: namespace_slug_key,
--          namespace_member_pkey and space_slug_key, an Index Scan each
-- Why:     "folder" finds the next distinct path, then the next after that: ten thousand episodes
--          with the same folders cost as much as ten. hop_from is the least path that may come next.
--          Below a folder that is deeper than the pattern nothing matches, so all of it is skipped:
--          '0' is the character after '/'. The root is '' and has no row in node. "child" finds the
--          folders in a folder in the same way.
--          Example: /camera/*/r*, where node has /camera/front, /camera/front/raw and /camera/rear.
--          1. folder: from /camera/ it finds /camera/front, then /camera/front/raw. That one has three
--             segments, folder_depth is 2, so it goes on from /camera/front0, finds /camera/rear, and ends.
--          2. gap: of /camera/front, files lie from /camera/front/r to /camera/front/raw/ and from
--             /camera/front/raw0 to /camera/front/s; of /camera/rear, from /camera/rear/r to /camera/rear/s.
--          3. found: each of the three gaps gives at most row_limit assets; "page" sorts these.
--          See sql/README.md: #files-lie-between-folders, #the-outer-query-has-no-order-by,
--          #one-row-when-nothing-matches, #created_at-as-text.

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
    page.bss_id,
    page.fps,
    page.lens,
    page.sample_rate,
    page.channels,
    page.format,
    page.language,
    page.width,
    page.height,
    page.size,
    encode(page.sha256, 'hex') AS sha256,
    page.content_type,
    to_char(page.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    CASE
        WHEN place.space_id IS NULL THEN 'project'
    END AS missing
FROM place
LEFT JOIN LATERAL (
    SELECT
        found.asset_id,
        found.name,
        found.bss_id,
        found.fps,
        found.lens,
        found.sample_rate,
        found.channels,
        found.format,
        found.language,
        found.width,
        found.height,
        found.size,
        found.sha256,
        found.content_type,
        found.created_at
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
    CROSS JOIN LATERAL (
        SELECT
            asset.asset_id,
            asset.name,
            asset.bss_id,
            asset.fps,
            asset.lens,
            asset.sample_rate,
            asset.channels,
            asset.format,
            asset.language,
            asset.width,
            asset.height,
            asset.size,
            asset.sha256,
            asset.content_type,
            asset.created_at
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = %(kind)s::text
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
