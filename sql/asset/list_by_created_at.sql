-- Lists the assets of a project that were registered in a period, by name, unnamed assets last.
--
-- Route:   GET /assets/<kind>?createdAfter=&createdBefore=
-- Params:
--     namespace         text            testuser
--     subject           text            test-001
--     project           text            robotics
--     kind              text            video
--     created_after     timestamptz     2026-04-14T00:00:00Z
--     created_before    timestamptz     2026-04-15T00:00:00Z
--     after_name        text            ''
--     after_id          uuid            00000000-0000-0000-0000-000000000000
--     after_unnamed_id  uuid or null    00000000-0000-0000-0000-000000000000
--     upper_name        text            0
--     regex             text            ''
--     row_limit         bigint or null  100
-- Returns: many: the columns of a listed asset, and missing ('project' or null). Without a match: one
--          row in which all asset columns are null. None: there is no such namespace, or the subject
--          is not a member of it.
-- Index:   asset_live_by_created_at, Index Scan; asset_live_by_space_name, two Index Scans under a
--          Merge Append; for the path: namespace_slug_key, namespace_member_pkey and space_slug_key,
--          an Index Scan each
-- Why:     The period includes created_after and excludes created_before, so adjacent periods list
--          each asset once.
--          See sql/README.md: #count-at-run-time, #the-outer-query-has-no-order-by,
--          #assets-without-a-name, #is-not-distinct-from-keeps-an-index-away,
--          #a-prefix-is-a-range-of-names, #one-row-when-nothing-matches, #created_at-as-text.

WITH place AS (
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

few AS (
    SELECT
        indexed.asset_id,
        indexed.name,
        indexed.bss_id,
        indexed.fps,
        indexed.lens,
        indexed.sample_rate,
        indexed.channels,
        indexed.format,
        indexed.language,
        indexed.width,
        indexed.height,
        indexed.size,
        indexed.sha256,
        indexed.content_type,
        indexed.created_at
    FROM place
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
        WHERE asset.namespace_id IS NOT DISTINCT FROM place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = %(kind)s::text
            AND num_nonnulls(asset.deleted_at) = 0
            AND asset.created_at >= %(created_after)s::timestamptz
            AND asset.created_at < %(created_before)s::timestamptz
        ORDER BY asset.created_at ASC
        LIMIT 5001
    ) AS indexed
),

counted AS (
    SELECT count(*) <= 5000 AS is_few
    FROM few
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
    (
        SELECT
            few.asset_id,
            few.name,
            few.bss_id,
            few.fps,
            few.lens,
            few.sample_rate,
            few.channels,
            few.format,
            few.language,
            few.width,
            few.height,
            few.size,
            few.sha256,
            few.content_type,
            few.created_at
        FROM few
        WHERE (SELECT counted.is_few FROM counted)
            AND (
                (few.name, few.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
                AND few.name < %(upper_name)s::text
                AND few.name ~ %(regex)s::text
                OR few.name IS NULL
                AND few.asset_id > %(after_unnamed_id)s::uuid
            )
        ORDER BY
            few.name ASC,
            few.asset_id ASC
    )
    UNION ALL
    (
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
        WHERE NOT (SELECT counted.is_few FROM counted)
            AND asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = %(kind)s::text
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
        WHERE NOT (SELECT counted.is_few FROM counted)
            AND asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = %(kind)s::text
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
    ORDER BY
        name ASC, -- noqa: RF02
        asset_id ASC -- noqa: RF02
    LIMIT %(row_limit)s::bigint
) AS page
    ON TRUE
