-- Lists the assets of an episode whose names match a glob, folder by folder.
--
-- Route:   GET /assets/<kind>?glob=&episode= or &episodeId=
-- Params:
--     namespace     text            testuser
--     subject       text            test-001
--     project       text            robotics
--     episode       text or null    run-042
--     episode_id    uuid or null    null
--     kind          text            video
--     after_name    text            /camera/
--     after_id      uuid            00000000-0000-0000-0000-000000000000
--     folder_regex  text            ^/camera/[^/]*$
--     folder_lower  text            /camera/
--     folder_upper  text            /camera0
--     file_lower    text            /run01.mp4
--     file_upper    text            /run01.mp4\u0001
--     regex         text            ^/camera/[^/]*/run01\.mp4$
--     row_limit     bigint or null  100
-- Returns: many: the columns of a listed asset, and missing ('project', 'episode' or null). Without a
--          match: one row in which all asset columns are null. None: there is no such namespace, or
--          the subject is not a member of it.
-- Index:   node_path_key, an Index Only Scan for the folders and one for each folder;
--          asset_live_by_episode_name, an Index Scan for each gap; for the path: namespace_slug_key,
--          namespace_member_pkey, space_slug_key, episode_name_key and episode_pkey, an Index Scan
--          each
-- Why:     In an episode each path has one row in node, so folders are a range of node_path_key. The
--          root is '' and has no row there.
--          See sql/README.md: #files-lie-between-folders, #the-outer-query-has-no-order-by,
--          #an-episode-by-name-or-by-id, #one-row-when-nothing-matches, #created_at-as-text.

WITH place AS (
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
        WHEN place.episode_id IS NULL THEN 'episode'
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
    FROM (
        SELECT ''::text COLLATE "C" AS path
        UNION ALL
        SELECT node.path
        FROM node
        WHERE node.namespace_id = place.namespace_id
            AND node.scope_id = place.episode_id
            AND node.path >= %(folder_lower)s::text
            AND node.path < %(folder_upper)s::text
    ) AS folder
    CROSS JOIN LATERAL (
        SELECT
            coalesce(
                lag(bound.path || '0') OVER (ORDER BY bound.upper ASC), folder.path || %(file_lower)s::text
            ) AS lower,
            bound.upper
        FROM (
            SELECT
                child.path,
                child.path || '/' AS upper
            FROM node AS child
            WHERE child.namespace_id = place.namespace_id
                AND child.scope_id = place.episode_id
                AND child.path >= folder.path || %(file_lower)s::text
                AND child.path < folder.path || %(file_upper)s::text
                AND child.path || '/' < folder.path || %(file_upper)s::text
                AND strpos(substr(child.path, length(folder.path) + 2), '/') = 0
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
            AND asset.episode_id = place.episode_id
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
