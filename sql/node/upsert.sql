-- Creates a folder if it is missing; its parent exists or was created just before.
--
-- Route:   POST /assets/<kind> and PATCH /assets/<kind>/<id>, when a part of the path is missing
-- Params:
--     namespace  text          testuser
--     subject    text          test-001
--     project    text          robotics
--     episode    text or null  run-042
--     parent     text or null  /camera
--     path       text          /camera/front
--     node_id    uuid          01970000-0000-7000-8000-000000000004
-- Returns: none.
-- Index:   namespace_slug_key, namespace_member_pkey, space_slug_key, episode_name_key and
--          node_path_key (twice), an Index Scan each
-- Why:     See sql/README.md: #look-up-before-inserting, #the-empty-text-names-nothing.

INSERT INTO node (
    namespace_id,
    space_id,
    episode_id,
    node_id,
    parent_id,
    path
)
SELECT
    space.namespace_id,
    space.space_id,
    episode.episode_id,
    %(node_id)s::uuid,
    parent.node_id,
    %(path)s::text
FROM namespace
INNER JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
    AND namespace_member.role = 'writer'
INNER JOIN space
    ON space.namespace_id = namespace.namespace_id
    AND space.slug = %(project)s::text
LEFT JOIN episode
    ON episode.namespace_id = space.namespace_id
    AND episode.space_id = space.space_id
    AND episode.name = coalesce(%(episode)s::text, '')
LEFT JOIN node AS parent
    ON parent.namespace_id = space.namespace_id
    AND parent.scope_id = coalesce(episode.episode_id, space.space_id)
    AND parent.path = coalesce(%(parent)s::text, '')
WHERE namespace.slug = %(namespace)s::text
    AND (episode.episode_id IS NULL) = (%(episode)s::text IS NULL)
    AND (parent.node_id IS NULL) = (%(parent)s::text IS NULL)
    AND NOT EXISTS (
        SELECT 1
        FROM node AS found
        WHERE found.namespace_id = space.namespace_id
            AND found.scope_id = coalesce(episode.episode_id, space.space_id)
            AND found.path = %(path)s::text
    )
ON CONFLICT (namespace_id, scope_id, path) DO NOTHING
