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
-- Returns: many: the columns of an asset, created_at as the API writes it, and missing ('project', 'episode' or
--          null). All null in the one row that stands where nothing matches. None: no such namespace,
--          or the subject is no member of it.
-- Index:   node_path_key, one Index Only Scan, and one more per folder; asset_by_episode_name, one
--          Index Scan per gap between the folders in a folder;
--          of the path: namespace_slug_key, namespace_member_pkey, space_slug_key,
--          episode_name_key and episode_pkey, an Index Scan each
-- Why:     The outer query has one row per asset of "page", which is ordered; a nested loop over a
--          single project keeps that order, and a sort on top would hold the rows back.
--          The two halves of "episode" are two index look-ups; the one that is not asked for finds
--          nothing.
--          Each folder gives its own files only, or a file would be found once for each folder
--          above it. They lie in the gaps between its folders, whose names may be many more: "gap" is
--          what lies between the end of one (path || '0') and the beginning of the next (path || '/').
--          Each gap gives a page at most, and the page is sorted from those.

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
            asset.created_at
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.episode_id = place.episode_id
            AND asset.kind = %(kind)s::text
            AND (asset.name, asset.asset_id) > (
                greatest(gap.lower, %(after_name)s::text),
                CASE
                    WHEN gap.lower > %(after_name)s::text
                        THEN '00000000-0000-0000-0000-000000000000'::uuid
                    ELSE %(after_id)s::uuid
                END
            )
            AND asset.name < gap.upper
            AND strpos(substr(asset.name, length(folder.path) + 2), '/') = 0
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
