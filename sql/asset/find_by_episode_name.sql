-- Finds the newest asset with a given name in an episode.
--
-- Route:   GET /assets/<kind>/download?episode= or ?episodeId=
-- Params:
--     namespace   text            testuser
--     subject     text            test-001
--     project     text            robotics
--     episode     text or null    run-042
--     episode_id  uuid or null    null
--     kind        text            video
--     name        text            /camera/front/run01.mp4
-- Returns: one: missing ('project', 'episode', 'asset' or null), asset_id, bss_id. None: there is no
--          such namespace, or the subject is not a member of it.
-- Index:   asset_live_by_episode_name_created_at, Index Scan Backward; for the path:
--          namespace_slug_key, namespace_member_pkey, space_slug_key, episode_name_key and
--          episode_pkey, an Index Scan each
-- Why:     See sql/README.md: #the-newest-asset, #is-not-distinct-from-keeps-an-index-away,
--          #an-episode-by-name-or-by-id, #one-row-when-nothing-matches.

SELECT
    CASE
        WHEN space.space_id IS NULL THEN 'project'
        WHEN episode.episode_id IS NULL THEN 'episode'
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
LEFT JOIN LATERAL (
    SELECT
        asset.asset_id,
        asset.bss_id
    FROM asset
    WHERE asset.namespace_id IS NOT DISTINCT FROM space.namespace_id
        AND asset.episode_id = episode.episode_id
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
