-- Creates the missing ones of several episodes; their project exists or was created just before.
--
-- Route:   POST /assets/batch, when a part of a path is missing
-- Params:
--     namespace    text    testuser
--     subject      text    test-001
--     project      text    robotics
--     episodes     text[]  {run-042}
--     episode_ids  uuid[]  {01970000-0000-7000-8000-000000000003}
-- Returns: none.
-- Index:   namespace_slug_key, namespace_member_pkey, space_slug_key and episode_name_key, an Index
--          Scan each
-- Why:     ORDER BY: two batches that create the same episodes lock them in the same order, so the
--          second waits for the first instead of both waiting for each other.
--          See sql/README.md: #look-up-before-inserting, #lateral-fixes-the-join-order.

INSERT INTO episode (
    namespace_id,
    space_id,
    episode_id,
    name
)
SELECT
    space.namespace_id,
    space.space_id,
    given.episode_id,
    given.name
FROM namespace
INNER JOIN namespace_member
    ON namespace_member.namespace_id = namespace.namespace_id
    AND namespace_member.subject = %(subject)s::text
    AND namespace_member.role = 'writer'
INNER JOIN space
    ON space.namespace_id = namespace.namespace_id
    AND space.slug = %(project)s::text
CROSS JOIN unnest(%(episodes)s::text[], %(episode_ids)s::uuid[]) AS given (name, episode_id)
LEFT JOIN LATERAL (
    SELECT episode.episode_id
    FROM episode
    WHERE episode.namespace_id = space.namespace_id
        AND episode.space_id = space.space_id
        AND episode.name = given.name
    ORDER BY episode.name ASC
    LIMIT 1
) AS found ON TRUE
WHERE namespace.slug = %(namespace)s::text
    AND found.episode_id IS NULL
ORDER BY given.name COLLATE "C" ASC -- noqa: RF02
ON CONFLICT (namespace_id, space_id, name) DO NOTHING
