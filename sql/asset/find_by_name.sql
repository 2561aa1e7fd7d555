-- Finds the newest asset with a given name in a project.
--
-- Route:   GET /assets/<kind>/download
-- Params:
--     namespace  text            testuser
--     subject    text            test-001
--     project    text            robotics
--     kind       text            video
--     name       text            /camera/front/run01.mp4
-- Returns: one: missing ('project', 'asset' or null), asset_id, bss_id. None: there is no such
--          namespace, or the subject is not a member of it.
-- Index:   asset_live_by_space_name_created_at, Index Scan Backward; for the path:
--          namespace_slug_key, namespace_member_pkey and space_slug_key, an Index Scan each
-- Why:     See sql/README.md: #the-newest-asset, #is-not-distinct-from-keeps-an-index-away,
--          #one-row-when-nothing-matches.

SELECT
    CASE
        WHEN space.space_id IS NULL THEN 'project'
        WHEN newest.asset_id IS NULL THEN 'asset'
    END AS missing,
    newest.asset_id,
    newest.bss_id
FROM namespace
INNER JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
LEFT JOIN space
    ON space.namespace_id = namespace.namespace_id
    AND space.slug = %(project)s::text
LEFT JOIN LATERAL (
    SELECT
        asset.asset_id,
        asset.bss_id
    FROM asset
    WHERE asset.namespace_id IS NOT DISTINCT FROM space.namespace_id
        AND asset.space_id = space.space_id
        AND asset.kind = %(kind)s::text
        AND num_nonnulls(asset.deleted_at) = 0
        AND asset.name = %(name)s::text
    ORDER BY
        asset.created_at DESC,
        asset.asset_id DESC
    LIMIT 1
) AS newest
    ON TRUE
WHERE namespace.slug = %(namespace)s::text
