-- Finds the id of the newest asset with a given name in a project, of any kinds.
--
-- Route:   GET /assets/lookup
-- Params:
--     namespace  text    testuser
--     subject    text    test-001
--     project    text    robotics
--     kinds      text[]  {video,audio,label-track,text-track,image,file}
--     name       text    /camera/front/run01.mp4
--     row_limit  bigint  1
-- Returns: many: asset_id, name, and missing ('project' or null). Without a match: one row in which
--          asset_id and name are null. None: there is no such namespace, or the subject is not a
--          member of it.
-- Index:   asset_live_by_space_name_created_at, an Index Only Scan Backward for each kind; for the
--          path: namespace_slug_key, namespace_member_pkey and space_slug_key, an Index Scan each
-- Why:     See sql/README.md: #the-newest-asset, #is-not-distinct-from-keeps-an-index-away,
--          #one-row-when-nothing-matches.

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
    SELECT
        newest.asset_id,
        newest.name
    FROM unnest(%(kinds)s::text[]) AS of_kind (kind)
    CROSS JOIN LATERAL (
        SELECT
            asset.asset_id,
            asset.name,
            asset.created_at
        FROM asset
        WHERE asset.namespace_id IS NOT DISTINCT FROM place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.kind = of_kind.kind
            AND asset.name = %(name)s::text
            AND num_nonnulls(asset.deleted_at) = 0
        ORDER BY
            asset.created_at DESC,
            asset.asset_id DESC
        LIMIT 1
    ) AS newest
    ORDER BY
        newest.created_at DESC,
        newest.asset_id DESC
    LIMIT %(row_limit)s::bigint
) AS page
    ON TRUE
