-- Lists the assets of a project, named ones first, in the order of their names.
--
-- Route:   GET /assets/<kind>
-- Params:
--     namespace         text            testuser
--     subject           text            test-001
--     project           text            robotics
--     kind              text            video
--     after_name        text            ''
--     after_id          uuid            00000000-0000-0000-0000-000000000000
--     after_unnamed_id  uuid            00000000-0000-0000-0000-000000000000
--     row_limit         bigint or null  100
-- Returns: many: the columns of an asset, created_at as the API writes it, and missing ('project' or
--          null). All null in the one row that stands where nothing matches. None: no such namespace,
--          or the subject is no member of it.
-- Index:   asset_by_space_name, two Index Scans under a Merge Append;
--          of the path: namespace_slug_key, namespace_member_pkey, space_slug_key, an Index
--          Scan each
-- Why:     The outer query has one row per asset of "page", which is ordered; a nested loop over a
--          single project keeps that order, and a sort on top would hold the rows back.
--          A name that is null sorts last but fails a row comparison, so the unnamed assets are a
--          range of their own: after_name is '0', above all names, once the page is among them.

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
        WHEN space.space_id IS NULL THEN 'project'
    END AS missing
FROM namespace
INNER JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
LEFT JOIN space
    ON space.namespace_id = namespace.namespace_id
    AND space.slug = %(project)s::text
LEFT JOIN LATERAL (
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
            asset.created_at
        FROM asset
        WHERE asset.namespace_id = space.namespace_id
            AND asset.space_id = space.space_id
            AND asset.kind = %(kind)s::text
            AND (asset.name, asset.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
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
            asset.created_at
        FROM asset
        WHERE asset.namespace_id = space.namespace_id
            AND asset.space_id = space.space_id
            AND asset.kind = %(kind)s::text
            AND asset.name IS NULL
            AND asset.asset_id > %(after_unnamed_id)s::uuid
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    ORDER BY
        name ASC, -- noqa: RF02
        asset_id ASC -- noqa: RF02
    LIMIT %(row_limit)s::bigint
) AS page
    ON TRUE
WHERE namespace.slug = %(namespace)s::text
