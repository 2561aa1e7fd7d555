-- Registers an asset on an existing path.
--
-- Route:   POST /assets/<kind>
-- Params:
--     namespace     text            testuser
--     subject       text            test-001
--     project       text            robotics
--     episode       text or null    run-042
--     folder        text or null    /camera/front
--     asset_id      uuid            01970000-0000-7000-8000-000000000001
--     kind          text            video
--     name          text or null    /camera/front/run01.mp4
--     bss_id        text or null    a1b2c3
--     fps           float or null   30
--     lens          text or null    pinhole
--     sample_rate   float or null   null
--     channels      int or null     null
--     format        text or null    null
--     language      text or null    null
--     width         int or null     null
--     height        int or null     null
--     size          bigint or null  null
--     sha256        text or null    null
--     content_type  text or null    null
--     tags          text[]          {night,rain}
--     metadata      jsonb or null   {"robot": "r2"}
-- Returns: one: asset_id, space_id, episode_id, node_id of the new asset. None, and nothing is
--          written: a part of the path is missing, or the subject may not write to the namespace.
-- Index:   namespace_slug_key, namespace_member_pkey, space_slug_key, episode_name_key and
--          node_path_key, an Index Scan each; asset_pkey, for the conflict
-- Why:     Almost every path exists, so the service tries this statement first: it looks the path up
--          by its names and writes one row, in one roundtrip. Where it returns no row, the service
--          creates the path and sends it again, in one flight.
--          The service makes asset_id. When a connection breaks before the answer, the service sends
--          the same statement again, and the conflict returns the row that is there.
--          See sql/README.md: #the-empty-text-names-nothing.

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
    width,
    height,
    size,
    sha256,
    content_type,
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
    %(width)s::int,
    %(height)s::int,
    %(size)s::bigint,
    decode(%(sha256)s::text, 'hex') AS sha256,
    %(content_type)s::text,
    %(tags)s::text[],
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
    AND episode.name = coalesce(%(episode)s::text, '')
LEFT JOIN node
    ON node.namespace_id = space.namespace_id
    AND node.scope_id = coalesce(episode.episode_id, space.space_id)
    AND node.path = coalesce(%(folder)s::text, '')
WHERE namespace.slug = %(namespace)s::text
    AND (episode.episode_id IS NULL) = (%(episode)s::text IS NULL)
    AND (node.node_id IS NULL) = (%(folder)s::text IS NULL)
ON CONFLICT (namespace_id, asset_id) DO UPDATE SET asset_id = excluded.asset_id
RETURNING
    asset_id,
    space_id,
    episode_id,
    node_id
