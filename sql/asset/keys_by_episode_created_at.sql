-- Finds the ids of assets of any kinds of episodes that were registered in a period, by name.
--
-- Route:   GET /assets?episode=&createdAfter=&createdBefore=, and GET /assets/<kind> with several
--          episodes
-- Params:
--     namespace         text            testuser
--     subject           text            test-001
--     project           text            robotics
--     episodes          text[]          {run-042}
--     episode_ids       uuid[]          {}
--     kinds             text[]          {video,audio,label-track,text-track,image,file}
--     created_after     timestamptz     2026-04-14T00:00:00Z
--     created_before    timestamptz     2026-04-15T00:00:00Z
--     after_name        text            ''
--     after_id          uuid            00000000-0000-0000-0000-000000000000
--     after_unnamed_id  uuid or null    00000000-0000-0000-0000-000000000000
--     upper_name        text            0
--     regex             text            ''
--     row_limit         bigint or null  100
-- Returns: many: asset_id, name, and missing ('project', 'episode' or null). Without a match: one
--          row in which asset_id and name are null. None: there is no such namespace, or the
--          subject is not a member of it.
-- Index:   asset_live_by_created_at, an Index Scan for each kind; asset_live_by_episode_name, two
--          Index Scans for each kind of an episode; for the path: namespace_slug_key,
--          namespace_member_pkey, space_slug_key, episode_name_key and episode_pkey, an Index Scan
--          each
-- Why:     See sql/README.md: #keys-of-a-page, #count-at-run-time,
--          #is-not-distinct-from-keeps-an-index-away, #assets-without-a-name,
--          #a-prefix-is-a-range-of-names, #one-row-when-nothing-matches.

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
),

few AS (
    SELECT
        indexed.asset_id,
        indexed.name,
        indexed.created_at,
        indexed.episode_id
    FROM place
    CROSS JOIN unnest(%(kinds)s::text[]) AS of_kind (kind)
    CROSS JOIN LATERAL (
        SELECT
            asset.asset_id,
            asset.name,
            asset.created_at,
            asset.episode_id
        FROM asset
        WHERE asset.namespace_id IS NOT DISTINCT FROM place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = of_kind.kind
            AND num_nonnulls(asset.deleted_at) = 0
            AND asset.created_at >= %(created_after)s::timestamptz
            AND asset.created_at < %(created_before)s::timestamptz
        ORDER BY asset.created_at ASC
        LIMIT 5001
    ) AS indexed
    LIMIT 5001 -- noqa: AM09
),

counted AS (
    SELECT count(*) <= 5000 AS is_few
    FROM few
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
    FROM (
        SELECT
            few.asset_id,
            few.name
        FROM few
        WHERE (SELECT counted.is_few FROM counted)
            AND few.episode_id = any(place.episode_ids)
            AND few.created_at >= %(created_after)s::timestamptz
            AND few.created_at < %(created_before)s::timestamptz
            AND (
                (few.name, few.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
                AND few.name < %(upper_name)s::text
                AND few.name ~ %(regex)s::text
                OR few.name IS NULL
                AND few.asset_id > %(after_unnamed_id)s::uuid
            )
        UNION ALL
        SELECT
            many.asset_id,
            many.name
        FROM unnest(place.episode_ids) AS scope (episode_id)
        CROSS JOIN unnest(%(kinds)s::text[]) AS of_kind (kind)
        CROSS JOIN LATERAL (
            (
                SELECT
                    asset.asset_id,
                    asset.name
                FROM asset
                WHERE NOT (SELECT counted.is_few FROM counted)
                    AND asset.namespace_id = place.namespace_id
                    AND asset.episode_id = scope.episode_id
                    AND asset.kind = of_kind.kind
                    AND asset.deleted_at IS NULL
                    AND (asset.name, asset.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
                    AND asset.name < %(upper_name)s::text
                    AND asset.name ~ %(regex)s::text
                    AND asset.created_at >= %(created_after)s::timestamptz
                    AND asset.created_at < %(created_before)s::timestamptz
                ORDER BY
                    asset.name ASC,
                    asset.asset_id ASC
                LIMIT %(row_limit)s::bigint
            )
            UNION ALL
            (
                SELECT
                    asset.asset_id,
                    asset.name
                FROM asset
                WHERE NOT (SELECT counted.is_few FROM counted)
                    AND asset.namespace_id = place.namespace_id
                    AND asset.episode_id = scope.episode_id
                    AND asset.kind = of_kind.kind
                    AND asset.deleted_at IS NULL
                    AND asset.name IS NULL
                    AND asset.asset_id > %(after_unnamed_id)s::uuid
                    AND asset.created_at >= %(created_after)s::timestamptz
                    AND asset.created_at < %(created_before)s::timestamptz
                ORDER BY
                    asset.name ASC,
                    asset.asset_id ASC
                LIMIT %(row_limit)s::bigint
            )
        ) AS many
    ) AS found
    ORDER BY
        found.name ASC,
        found.asset_id ASC
    LIMIT %(row_limit)s::bigint
) AS page
    ON TRUE
