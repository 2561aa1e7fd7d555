-- Finds many assets of a project: by id, or the newest live asset of a name.
--
-- Route:   GET /assets/<kind>/download; GET /assets/lookup; POST /assets/download with items
-- Params:
--     namespace   text            testuser
--     subject     text            test-001
--     project     text            robotics
--     episode     text or null    run-042
--     episode_id  uuid or null    null
--     item_ids    uuid[]          {01970000-000e-7000-8000-0000000f4240,NULL}
--     item_names  text[]          {NULL,/camera/front/run01.mp4}
--     item_kinds  text[]          {NULL,video}
--     all_kinds   text[]          {video,audio,label-track,text-track,image,file}
-- Returns: many: position, asset_id, kind, name, bss_id, is_deleted, missing ('project', 'episode' or
--          null). One row for each element of the three arrays, in any order, whose asset columns are
--          null if there is no such asset. None: there is no such namespace, or the subject is not a
--          member of it.
-- Index:   asset_pkey, asset_live_by_space_name_created_at and asset_live_by_episode_name_created_at, an
--          Index Scan each for each element; for the path: namespace_slug_key, namespace_member_pkey,
--          space_slug_key, episode_name_key and episode_pkey, an Index Scan each
-- Why:     An element has either an id, or a name and perhaps a kind. Without a kind, the newest of
--          each kind is looked up, one probe for each. An episode narrows names, but not ids. A
--          name is looked up in the project or in the episode: a condition that holds for no row ends
--          the other lookup before it begins. The project of an id is compared last, so that no index
--          of the project is taken.
--          See sql/README.md: #the-newest-asset, #is-not-distinct-from-keeps-an-index-away,
--          #between-and-order-by-choose-the-index, #an-episode-by-name-or-by-id,
--          #one-row-when-nothing-matches.

SELECT
    item.position,
    found.asset_id,
    found.kind,
    found.name,
    found.bss_id,
    found.deleted_at IS NOT NULL AS is_deleted,
    CASE
        WHEN space.space_id IS NULL THEN 'project'
        WHEN
            episode.episode_id IS NULL
            AND coalesce(%(episode)s::text, %(episode_id)s::uuid::text) IS NOT NULL
            THEN 'episode'
    END AS missing
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
CROSS JOIN unnest(%(item_ids)s::uuid[], %(item_names)s::text[], %(item_kinds)s::text[])
    WITH ORDINALITY AS item (asset_id, name, kind, position)
LEFT JOIN LATERAL (
    (
        SELECT
            asset.space_id,
            asset.asset_id,
            asset.kind,
            asset.name,
            asset.bss_id,
            asset.deleted_at
        FROM asset
        WHERE asset.namespace_id = space.namespace_id
            AND asset.asset_id BETWEEN item.asset_id AND item.asset_id
        ORDER BY asset.asset_id ASC
        LIMIT 1
    )
    UNION ALL
    (
        SELECT
            newest.space_id,
            newest.asset_id,
            newest.kind,
            newest.name,
            newest.bss_id,
            NULL::timestamptz AS deleted_at
        FROM unnest(%(all_kinds)s::text[]) AS each (kind)
        CROSS JOIN LATERAL (
            (
                SELECT
                    asset.space_id,
                    asset.asset_id,
                    asset.kind,
                    asset.name,
                    asset.bss_id,
                    asset.created_at
                FROM asset
                WHERE asset.namespace_id IS NOT DISTINCT FROM space.namespace_id
                    AND asset.space_id = space.space_id
                    AND asset.kind = each.kind
                    AND asset.name = item.name
                    AND num_nonnulls(asset.deleted_at) = 0
                    AND coalesce(%(episode)s::text, %(episode_id)s::uuid::text) IS NULL
                ORDER BY
                    asset.created_at DESC,
                    asset.asset_id DESC
                LIMIT 1
            )
            UNION ALL
            (
                SELECT
                    asset.space_id,
                    asset.asset_id,
                    asset.kind,
                    asset.name,
                    asset.bss_id,
                    asset.created_at
                FROM asset
                WHERE asset.namespace_id IS NOT DISTINCT FROM space.namespace_id
                    AND asset.episode_id = episode.episode_id
                    AND asset.kind = each.kind
                    AND asset.name = item.name
                    AND num_nonnulls(asset.deleted_at) = 0
                ORDER BY
                    asset.created_at DESC,
                    asset.asset_id DESC
                LIMIT 1
            )
        ) AS newest
        WHERE item.name IS NOT NULL
            AND (item.kind IS NULL OR each.kind = item.kind)
        ORDER BY
            newest.created_at DESC,
            newest.asset_id DESC
        LIMIT 1
    )
) AS found
    ON found.space_id = space.space_id
WHERE namespace.slug = %(namespace)s::text
