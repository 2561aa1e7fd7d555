-- Deletes an asset of the namespaces of the subject, softly: it leaves the lists and can be restored.
--
-- Route:   DELETE /assets/<kind>/<id>
-- Params:
--     subject    text           test-001
--     asset_id   uuid           01970000-000e-7000-8000-0000000f4240
--     kind       text           video
--     change_id  uuid           01970000-0000-7000-8000-000000000005
--     revisions  int[] or null  {1}
-- Returns: one: outcome (changed, unchanged, forbidden, precondition_failed or stale) and revision of the
--          asset. None: there is no such asset, or the subject may not see it.
-- Index:   namespace_member_by_subject, Index Scan; asset_pkey, an Index Scan for each namespace of
--          the subject, and one for the row to change
-- Why:     If another session changes the asset meanwhile, nothing is written and the outcome is stale:
--          the service sends the statement again. One that is sent again after a lost connection
--          finds its own change_id.
--          A client may repeat a DELETE with the If-Match of the revision just before the deletion.
--          See sql/README.md: #generic-plans, #lateral-fixes-the-join-order,
--          #between-and-order-by-choose-the-index, #concurrent-changes.

WITH place AS (
    SELECT
        asset.namespace_id,
        asset.asset_id,
        asset.revision,
        asset.deleted_at,
        CASE
            WHEN namespace_member.role <> 'writer' THEN 'forbidden'
            WHEN asset.change_id = %(change_id)s::uuid THEN 'unchanged'
            WHEN
                asset.revision <> all(%(revisions)s::int[])
                AND (asset.deleted_at IS NULL OR asset.revision - 1 <> all(%(revisions)s::int[]))
                THEN 'precondition_failed'
            WHEN asset.deleted_at IS NOT NULL THEN 'unchanged'
            ELSE 'changed'
        END AS outcome
    FROM namespace_member
    CROSS JOIN LATERAL (
        SELECT
            found.namespace_id,
            found.asset_id,
            found.revision,
            found.deleted_at,
            found.change_id
        FROM asset AS found
        WHERE found.namespace_id = namespace_member.namespace_id
            AND found.kind = %(kind)s::text
            AND found.asset_id BETWEEN %(asset_id)s::uuid AND %(asset_id)s::uuid
        ORDER BY found.asset_id ASC
        LIMIT 1
    ) AS asset
    WHERE namespace_member.subject = %(subject)s::text
),

changed AS (
    UPDATE asset
    SET
        revision = asset.revision + 1,
        updated_at = now(),
        deleted_at = now(),
        change_id = %(change_id)s::uuid
    FROM place
    WHERE asset.namespace_id = place.namespace_id
        AND asset.asset_id = place.asset_id
        AND place.outcome = 'changed'
        AND NOT (asset.deleted_at IS DISTINCT FROM place.deleted_at)
        AND (asset.revision = place.revision OR %(revisions)s::int[] IS NULL)
    RETURNING asset.revision
)

SELECT
    CASE
        WHEN place.outcome = 'changed' AND changed.revision IS NULL THEN 'stale'
        ELSE place.outcome
    END AS outcome,
    coalesce(changed.revision, place.revision) AS revision
FROM place
LEFT JOIN changed
    ON TRUE
