-- Returns the revisions of assets, for the ids of a list.
--
-- Route:   POST /assets/delete with a selection
-- Params:
--     namespace  text    testuser
--     subject    text    test-001
--     asset_ids  uuid[]  {01970000-000e-7000-8000-0000000f4240}
-- Returns: many: asset_id, name, revision, missing; the last is 'writer' if the subject may not write
--          to the namespace, else that of the list. None: there is no such namespace, or the subject is
--          not a member of it.
-- Index:   namespace_slug_key and namespace_member_pkey, an Index Scan each; asset_pkey, an Index Scan
--          for each asset
-- Why:     As in asset/view_item, a list takes the place of the subquery "listed".
--          See sql/README.md: #keys-of-a-page, #lateral-fixes-the-join-order,
--          #between-and-order-by-choose-the-index.

SELECT
    listed.asset_id,
    listed.name,
    whole.revision,
    CASE
        WHEN namespace_member.role = 'writer' THEN listed.missing
        ELSE 'writer'
    END AS missing
FROM namespace
INNER JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
CROSS JOIN LATERAL (
    SELECT
        given.asset_id,
        NULL::text AS name,
        NULL::text AS missing
    FROM unnest(%(asset_ids)s::uuid[]) AS given (asset_id)
) AS listed
LEFT JOIN LATERAL (
    SELECT asset.revision
    FROM asset
    WHERE asset.namespace_id = namespace.namespace_id
        AND asset.asset_id BETWEEN listed.asset_id AND listed.asset_id
    ORDER BY asset.asset_id ASC
    LIMIT 1
) AS whole
    ON TRUE
WHERE namespace.slug = %(namespace)s::text
