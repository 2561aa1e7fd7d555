-- Finds the ids of assets of any kinds of episodes whose names match a glob, folder by folder.
--
-- Route:   GET /assets?episode=&glob=, and GET /assets/<kind> with several episodes
-- Params:
--     namespace     text            testuser
--     subject       text            test-001
--     project       text            robotics
--     episodes      text[]          {run-042}
--     episode_ids   uuid[]          {}
--     kinds         text[]          {video,audio,label-track,text-track,image,file}
--     after_name    text            /camera/
--     after_id      uuid            00000000-0000-0000-0000-000000000000
--     folder_regex  text            ^/camera/[^/]*$
--     folder_lower  text            /camera/
--     folder_upper  text            /camera0
--     file_lower    text            /run01.mp4
--     file_upper    text            /run01.mp4\u0001
--     regex         text            ^/camera/[^/]*/run01\.mp4$
--     row_limit     bigint or null  100
-- Returns: many: asset_id, name, and missing ('project', 'episode' or null). Without a match: one
--          row in which asset_id and name are null. None: there is no such namespace, or the
--          subject is not a member of it.
-- Index:   node_path_key, an Index Only Scan for each folder and for those in it;
--          asset_live_by_episode_name, an Index Only Scan for each gap and kind; for the path:
--          namespace_slug_key, namespace_member_pkey, space_slug_key, episode_name_key and
--          episode_pkey, an Index Scan each
-- Why:     As in asset/list_by_episode_folder_glob.
--          See sql/README.md: #keys-of-a-page, #files-lie-between-folders,
--          #one-row-when-nothing-matches.

WITH place AS (
    SELECT
        namespace.namespace_id,
        space.space_id,
        asked.episode_ids
    FROM namespace
    INNER JOIN namespace_member
        ON namespace_member.namespace_id = namespace.namespace_id
        AND namespace_member.subject = %(subject)s::text
    LEFT JOIN space
        ON space.namespace_id = namespace.namespace_id
        AND space.slug = %(project)s::text
    CROSS JOIN LATERAL (
        SELECT array_agg(episode.episode_id) AS episode_ids
        FROM (
            SELECT by_name.episode_id
            FROM unnest(%(episodes)s::text[]) AS given (name)
            CROSS JOIN LATERAL (
                SELECT named.episode_id
                FROM episode AS named
                WHERE named.namespace_id = space.namespace_id
                    AND named.space_id = space.space_id
                    AND named.name = given.name
                LIMIT 1 -- noqa: AM09
            ) AS by_name
            UNION ALL
            SELECT by_id.episode_id
            FROM unnest(%(episode_ids)s::uuid[]) AS given (episode_id)
            CROSS JOIN LATERAL (
                SELECT identified.episode_id
                FROM episode AS identified
                WHERE identified.namespace_id = space.namespace_id
                    AND identified.space_id = space.space_id
                    AND identified.episode_id = given.episode_id
                LIMIT 1 -- noqa: AM09
            ) AS by_id
        ) AS episode
    ) AS asked
    WHERE namespace.slug = %(namespace)s::text
)

SELECT
    page.asset_id,
    page.name,
    CASE
        WHEN place.space_id IS NULL THEN 'project'
        WHEN coalesce(cardinality(place.episode_ids), 0)
            < cardinality(%(episodes)s::text[]) + cardinality(%(episode_ids)s::uuid[]) THEN 'episode'
    END AS missing
FROM place
LEFT JOIN LATERAL (
    SELECT
        found.asset_id,
        found.name
    FROM unnest(place.episode_ids) AS scope (episode_id)
    CROSS JOIN LATERAL (
        SELECT ''::text COLLATE "C" AS path
        UNION ALL
        SELECT node.path
        FROM node
        WHERE node.namespace_id = place.namespace_id
            AND node.scope_id = scope.episode_id
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
                AND child.scope_id = scope.episode_id
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
    CROSS JOIN unnest(%(kinds)s::text[]) AS of_kind (kind)
    CROSS JOIN LATERAL (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.episode_id = scope.episode_id
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
