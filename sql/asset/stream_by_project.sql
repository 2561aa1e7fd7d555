-- Streams the ids of the assets of any kinds of a project, by name, unnamed assets last.
--
-- Route:   GET /assets without a limit
-- Params:
--     namespace         text            testuser
--     subject           text            test-001
--     project           text            robotics
--     kinds             text[]          {video,audio,label-track,text-track,image,file}
--     after_name        text            ''
--     after_id          uuid            00000000-0000-0000-0000-000000000000
--     after_unnamed_id  uuid or null    00000000-0000-0000-0000-000000000000
--     upper_name        text            0
--     regex             text            ''
--     row_limit         bigint or null  100
-- Returns: many: asset_id, name, and missing ('project' or null). Without a match: one row in which
--          asset_id and name are null. None: there is no such namespace, or the subject is not a
--          member of it.
-- Index:   asset_live_by_space_name, two Index Only Scans for each kind under a Merge Append; for
--          the path: namespace_slug_key, namespace_member_pkey and space_slug_key, an Index Scan
--          each
-- Why:     Nothing is sorted, so the first row arrives at once. Only the kinds asked for are read.
--          See sql/README.md: #keys-of-a-page, #assets-without-a-name,
--          #a-prefix-is-a-range-of-names, #one-row-when-nothing-matches.

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
)

SELECT
    page.asset_id,
    page.name,
    CASE
        WHEN place.space_id IS NULL THEN 'project'
    END AS missing
FROM place
LEFT JOIN LATERAL (
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'video'
            AND asset.deleted_at IS NULL
            AND (asset.name, asset.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
            AND asset.name < %(upper_name)s::text
            AND asset.name ~ %(regex)s::text
            AND 'video' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'video'
            AND asset.deleted_at IS NULL
            AND asset.name IS NULL
            AND asset.asset_id > %(after_unnamed_id)s::uuid
            AND 'video' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'audio'
            AND asset.deleted_at IS NULL
            AND (asset.name, asset.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
            AND asset.name < %(upper_name)s::text
            AND asset.name ~ %(regex)s::text
            AND 'audio' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'audio'
            AND asset.deleted_at IS NULL
            AND asset.name IS NULL
            AND asset.asset_id > %(after_unnamed_id)s::uuid
            AND 'audio' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'label-track'
            AND asset.deleted_at IS NULL
            AND (asset.name, asset.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
            AND asset.name < %(upper_name)s::text
            AND asset.name ~ %(regex)s::text
            AND 'label-track' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'label-track'
            AND asset.deleted_at IS NULL
            AND asset.name IS NULL
            AND asset.asset_id > %(after_unnamed_id)s::uuid
            AND 'label-track' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'text-track'
            AND asset.deleted_at IS NULL
            AND (asset.name, asset.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
            AND asset.name < %(upper_name)s::text
            AND asset.name ~ %(regex)s::text
            AND 'text-track' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'text-track'
            AND asset.deleted_at IS NULL
            AND asset.name IS NULL
            AND asset.asset_id > %(after_unnamed_id)s::uuid
            AND 'text-track' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'image'
            AND asset.deleted_at IS NULL
            AND (asset.name, asset.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
            AND asset.name < %(upper_name)s::text
            AND asset.name ~ %(regex)s::text
            AND 'image' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'image'
            AND asset.deleted_at IS NULL
            AND asset.name IS NULL
            AND asset.asset_id > %(after_unnamed_id)s::uuid
            AND 'image' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'file'
            AND asset.deleted_at IS NULL
            AND (asset.name, asset.asset_id) > (%(after_name)s::text, %(after_id)s::uuid)
            AND asset.name < %(upper_name)s::text
            AND asset.name ~ %(regex)s::text
            AND 'file' = any(%(kinds)s::text[])
        ORDER BY
            asset.name ASC,
            asset.asset_id ASC
    )
    UNION ALL
    (
        SELECT
            asset.asset_id,
            asset.name
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = 'file'
            AND asset.deleted_at IS NULL
            AND asset.name IS NULL
            AND asset.asset_id > %(after_unnamed_id)s::uuid
            AND 'file' = any(%(kinds)s::text[])
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
