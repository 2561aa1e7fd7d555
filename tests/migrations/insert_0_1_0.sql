-- The statement with which release 0.1.0 registers an asset. Frozen: it runs while and after a database
-- is migrated to a later release.

INSERT INTO asset (
    namespace_id,
    space_id,
    episode_id,
    node_id,
    asset_id,
    kind,
    name,
    bss_id,
    fps,
    lens,
    sample_rate,
    channels,
    format,
    language,
    tags,
    metadata
)
SELECT
    space.namespace_id,
    space.space_id,
    episode.episode_id,
    node.node_id,
    %(asset_id)s::uuid,
    %(kind)s::text,
    %(name)s::text,
    %(bss_id)s::text,
    %(fps)s::float,
    %(lens)s::text,
    %(sample_rate)s::float,
    %(channels)s::int,
    %(format)s::text,
    %(language)s::text,
    %(tags)s::text [],
    %(metadata)s::jsonb
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
    AND episode.name = %(episode)s::text
LEFT JOIN node
    ON node.namespace_id = space.namespace_id
    AND node.scope_id = coalesce(episode.episode_id, space.space_id)
    AND node.path = %(folder)s::text
WHERE namespace.slug = %(namespace)s::text
    AND (episode.episode_id IS NULL) = (%(episode)s::text IS NULL)
    AND (node.node_id IS NULL) = (%(folder)s::text IS NULL)
ON CONFLICT (namespace_id, asset_id) DO UPDATE SET asset_id = excluded.asset_id
RETURNING
    asset_id,
    space_id,
    episode_id,
    node_id
