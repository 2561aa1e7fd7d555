-- Creates the missing ones of several folders of one depth, whose parents exist by then.
--
-- Route:   POST /assets/batch, when a part of a path is missing
-- Params:
--     namespace  text    testuser
--     subject    text    test-001
--     project    text    robotics
--     episodes   text[]  {run-042}
--     parents    text[]  {/camera}
--     folders    text[]  {/camera/front}
--     node_ids   uuid[]  {01970000-0000-7000-8000-000000000004}
-- Returns: none.
-- Index:   namespace_slug_key, namespace_member_pkey, space_slug_key, episode_name_key and
--          node_path_key (twice), an Index Scan each
-- Why:     ORDER BY: two batches that create the same folders lock them in the same order, so the
--          second waits for the first instead of both waiting for each other. The depths follow each
--          other in every flight.
--          An element of episodes is null for a folder without an episode, an element of parents for
--          a folder at the root.
--          See sql/README.md: #look-up-before-inserting, #lateral-fixes-the-join-order,
--          #the-empty-text-names-nothing.

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
    given.node_id,
    parent.node_id AS parent_id,
    given.path
FROM namespace
INNER JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
    AND namespace_member.role = 'writer'
INNER JOIN space
    ON space.namespace_id = namespace.namespace_id
    AND space.slug = %(project)s::text
CROSS JOIN unnest(
    %(episodes)s::text[],
    %(parents)s::text[],
    %(folders)s::text[],
    %(node_ids)s::uuid[]
) AS given (episode, parent, path, node_id)
LEFT JOIN LATERAL (
    SELECT episode.episode_id
    FROM episode
    WHERE episode.namespace_id = space.namespace_id
        AND episode.space_id = space.space_id
        AND episode.name = coalesce(given.episode, '')
    ORDER BY episode.name ASC
    LIMIT 1
) AS episode ON TRUE
LEFT JOIN LATERAL (
    SELECT node.node_id
    FROM node
    WHERE node.namespace_id = space.namespace_id
        AND node.scope_id = coalesce(episode.episode_id, space.space_id)
        AND node.path = coalesce(given.parent, '')
    ORDER BY node.path ASC
    LIMIT 1
) AS parent ON TRUE
LEFT JOIN LATERAL (
    SELECT node.node_id
    FROM node
    WHERE node.namespace_id = space.namespace_id
        AND node.scope_id = coalesce(episode.episode_id, space.space_id)
        AND node.path = given.path
    ORDER BY node.path ASC
    LIMIT 1
) AS found ON TRUE
WHERE namespace.slug = %(namespace)s::text
    AND (episode.episode_id IS NULL) = (given.episode IS NULL)
    AND (parent.node_id IS NULL) = (given.parent IS NULL)
    AND found.node_id IS NULL
ORDER BY
    given.episode COLLATE "C" ASC, -- noqa: RF02
    given.path COLLATE "C" ASC -- noqa: RF02
ON CONFLICT (namespace_id, scope_id, path) DO NOTHING
