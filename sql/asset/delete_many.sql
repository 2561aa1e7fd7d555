-- Deletes assets of a project by their ids, softly: they leave the lists and can be restored.
--
-- Route:   POST /assets/delete
-- Params:
--     namespace  text           testuser
--     subject    text           test-001
--     project    text           robotics
--     asset_ids  uuid[]         {01970000-000e-7000-8000-0000000f4240}
--     revisions  int[] or null  null
--     change_id  uuid           01970000-0000-7000-8000-000000000005
--     dry_run    bool           false
-- Returns: many: role of the subject, missing ('project' or null), asset_id and is_changed of each
--          asset that was found. Without any: one row in which asset_id and is_changed are null. None:
--          there is no such namespace, or the subject is not a member of it.
-- Index:   namespace_slug_key, namespace_member_pkey and space_slug_key, an Index Scan each;
--          asset_pkey, an Index Scan for each asset, and one for each to change
-- Why:     Without revisions, all assets must be found, or none is changed. With them, one for each id,
--          the assets were selected, and those that have changed since are left as they are.
--          Rows are changed in the order of their ids, so two statements on the same assets do not
--          wait for each other. A statement that is sent again after a lost connection finds its own
--          change_id. An asset that another session deletes meanwhile is not changed.
--          See sql/README.md: #generic-plans, #lateral-fixes-the-join-order,
--          #between-and-order-by-choose-the-index, #concurrent-changes.

WITH place AS (
    SELECT
        namespace.namespace_id,
        namespace_member.role,
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

found AS (
    SELECT
        place.namespace_id,
        target.asset_id,
        target.deleted_at,
        target.revision,
        coalesce(target.change_id = %(change_id)s::uuid, FALSE) AS is_own,
        place.role = 'writer'
        AND target.deleted_at IS NULL
        AND CASE
            WHEN %(revisions)s::int[] IS NULL
                THEN count(*) OVER () = cardinality(%(asset_ids)s::uuid[])
            ELSE target.revision = given.revision
        END AS is_to_change
    FROM place
    CROSS JOIN unnest(%(asset_ids)s::uuid[], %(revisions)s::int[]) AS given (asset_id, revision)
    CROSS JOIN LATERAL (
        SELECT
            asset.asset_id,
            asset.deleted_at,
            asset.revision,
            asset.change_id
        FROM asset
        WHERE asset.namespace_id = place.namespace_id
            AND asset.space_id = place.space_id
            AND asset.asset_id BETWEEN given.asset_id AND given.asset_id
        ORDER BY asset.asset_id ASC
        LIMIT 1
    ) AS target
    ORDER BY target.asset_id ASC
),

changed AS (
    UPDATE asset
    SET
        revision = asset.revision + 1,
        updated_at = now(),
        deleted_at = now(),
        change_id = %(change_id)s::uuid
    FROM found
    WHERE asset.namespace_id = found.namespace_id
        AND asset.asset_id = found.asset_id
        AND found.is_to_change
        AND NOT %(dry_run)s::bool
        AND NOT (asset.deleted_at IS DISTINCT FROM found.deleted_at)
        AND (asset.revision = found.revision OR %(revisions)s::int[] IS NULL)
    RETURNING asset.asset_id
)

SELECT
    place.role,
    CASE WHEN place.space_id IS NULL THEN 'project' END AS missing,
    found.asset_id,
    found.is_own
    OR changed.asset_id IS NOT NULL
    OR (found.is_to_change AND %(dry_run)s::bool) AS is_changed
FROM place
LEFT JOIN found
    ON TRUE
LEFT JOIN changed
    ON changed.asset_id = found.asset_id
