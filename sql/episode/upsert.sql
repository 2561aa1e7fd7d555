-- Creates an episode if it is missing; its project exists or was created just before.
--
-- Route:   POST /assets/<kind> and PATCH /assets/<kind>/<id>, when a part of the path is missing
-- Params:
--     namespace   text  testuser
--     subject     text  test-001
--     project     text  robotics
--     episode     text  run-042
--     episode_id  uuid  01970000-0000-7000-8000-000000000003
-- Returns: none.
-- Index:   namespace_slug_key, namespace_member_pkey, space_slug_key and episode_name_key, an Index
--          Scan each
-- Why:     See sql/README.md: #look-up-before-inserting.

INSERT INTO episode (
    namespace_id,
    space_id,
    episode_id,
    name
)
SELECT
    space.namespace_id,
    space.space_id,
    %(episode_id)s::uuid,
    %(episode)s::text
FROM namespace
INNER JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
    AND namespace_member.role = 'writer'
INNER JOIN space
    ON space.namespace_id = namespace.namespace_id
    AND space.slug = %(project)s::text
WHERE namespace.slug = %(namespace)s::text
    AND NOT EXISTS (
        SELECT 1
        FROM episode AS found
        WHERE found.namespace_id = space.namespace_id
            AND found.space_id = space.space_id
            AND found.name = %(episode)s::text
    )
ON CONFLICT (namespace_id, space_id, name) DO NOTHING
