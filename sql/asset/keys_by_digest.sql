-- Finds the ids of assets of any kinds whose bytes have one of the given digests, by name.
--
-- Route:   GET /assets and GET /assets/<kind> with sha256=
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
-- Index:   asset_live_by_sha256, an Index Scan for each digest; for the path: namespace_slug_key,
--          namespace_member_pkey, space_slug_key, episode_name_key and episode_pkey, an Index Scan
--          each
-- Why:     Few assets have the same bytes, so all other filters are conditions. Without episodes
--          all assets match.
--          See sql/README.md: #is-not-distinct-from-keeps-an-index-away, #keys-of-a-page,
--          #assets-without-a-name, #a-prefix-is-a-range-of-names, #one-row-when-nothing-matches.

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
    FROM unnest(%(digests)s::text[]) AS given (digest)
    CROSS JOIN LATERAL (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id IS NOT DISTINCT FROM place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.sha256 = decode(given.digest, 'hex')
            AND asset.deleted_at IS NULL
            AND asset.kind = any(%(kinds)s::text[])
            AND (
                cardinality(%(episodes)s::text[]) + cardinality(%(episode_ids)s::uuid[]) = 0
                OR asset.episode_id = any(place.episode_ids)
            )
            AND (
                (asset.name, asset.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
                AND asset.name < %(upper_name)s::text
                AND asset.name ~ %(regex)s::text
                OR asset.name IS NULL
                AND asset.asset_id > %(after_unnamed_id)s::uuid
            )
            AND asset.tags @> %(tags)s::text[]
            AND asset.created_at >= %(created_after)s::timestamptz
            AND asset.created_at < %(created_before)s::timestamptz
    ) AS found
    ORDER BY
        found.name ASC,
        found.asset_id ASC
    LIMIT %(row_limit)s::bigint
) AS page
    ON TRUE
