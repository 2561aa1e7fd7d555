-- Finds the ids of a page of deleted assets of any kinds of episodes, by name.
--
-- Route:   GET /assets and GET /assets/<kind> with deleted=only&episode=
-- Params:
--     namespace         text            testuser
--     subject           text            test-001
--     project           text            robotics
--     episodes          text[]          {run-042}
--     episode_ids       uuid[]          {}
--     kinds             text[]          {video,audio,label-track,text-track,image,file}
--     digests           text[]          {3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f3f}
--     tags              text[]          {night,rain}
--     created_after     timestamptz     -infinity
--     created_before    timestamptz     infinity
--     after_name        text            ''
--     after_id          uuid            00000000-0000-0000-0000-000000000000
--     after_unnamed_id  uuid or null    00000000-0000-0000-0000-000000000000
--     upper_name        text            0
--     regex             text            ''
--     row_limit         bigint or null  100
-- Returns: many: asset_id, name, and missing ('project', 'episode' or null). Without a match: one
--          row in which asset_id and name are null. None: there is no such namespace, or the
--          subject is not a member of it.
-- Index:   asset_deleted_by_episode_name, two Index Scans for each kind of an episode; for the
--          path: namespace_slug_key, namespace_member_pkey, space_slug_key, episode_name_key and
--          episode_pkey, an Index Scan each
-- Why:     All other filters are conditions. The indexes have the condition
--          num_nonnulls(deleted_at) = 1, which keeps the statements of purging away from them.
--          See sql/README.md: #keys-of-a-page, #assets-without-a-name,
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
    CROSS JOIN unnest(%(kinds)s::text[]) AS of_kind (kind)
    CROSS JOIN LATERAL (
        (
            SELECT
                asset.asset_id,
                asset.name
            FROM asset
            WHERE asset.namespace_id = place.namespace_id
                AND asset.episode_id = scope.episode_id
                AND asset.kind = of_kind.kind
                AND num_nonnulls(asset.deleted_at) = 1
                AND (asset.name, asset.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
                AND asset.name < %(upper_name)s::text
                AND asset.name ~ %(regex)s::text
                AND asset.tags @> %(tags)s::text[]
                AND asset.created_at >= %(created_after)s::timestamptz
                AND asset.created_at < %(created_before)s::timestamptz
                AND (
                    cardinality(%(digests)s::text[]) = 0
                    OR encode(asset.sha256, 'hex') = any(%(digests)s::text[])
                )
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
            WHERE asset.namespace_id = place.namespace_id
                AND asset.episode_id = scope.episode_id
                AND asset.kind = of_kind.kind
                AND num_nonnulls(asset.deleted_at) = 1
                AND asset.name IS NULL
                AND asset.asset_id > %(after_unnamed_id)s::uuid
                AND asset.tags @> %(tags)s::text[]
                AND asset.created_at >= %(created_after)s::timestamptz
                AND asset.created_at < %(created_before)s::timestamptz
                AND (
                    cardinality(%(digests)s::text[]) = 0
                    OR encode(asset.sha256, 'hex') = any(%(digests)s::text[])
                )
            ORDER BY
                asset.name ASC,
                asset.asset_id ASC
            LIMIT %(row_limit)s::bigint
        )
    ) AS found
    ORDER BY
        found.name ASC,
        found.asset_id ASC
    LIMIT %(row_limit)s::bigint
) AS page
    ON TRUE
