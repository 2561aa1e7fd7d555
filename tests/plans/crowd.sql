-- Names that many assets have: 1, 1,000 and 10,000 assets of one episode, and one in each of 10,000
-- episodes. Ids descend while time passes, as if each asset were registered by a service whose clock
-- is further behind.

SET session_replication_role = replica;

CREATE FUNCTION pg_temp.id(kind text, number bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
    SELECT ('01970000-' || kind || '-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid
$$;

INSERT INTO namespace (namespace_id, slug)
SELECT
    pg_temp.id('000a', number),
    CASE number WHEN 1 THEN 'testuser' ELSE 'tenant-' || number END
FROM generate_series(1, 1000) AS number;

INSERT INTO namespace_member (namespace_id, subject, role)
SELECT
    namespace_id,
    CASE slug WHEN 'testuser' THEN 'test-001' ELSE 'owner of ' || slug END,
    'writer'
FROM namespace;

INSERT INTO space (namespace_id, space_id, slug)
SELECT
    namespace_id,
    namespace_id,
    'robotics'
FROM namespace;

INSERT INTO episode (namespace_id, space_id, episode_id, name)
SELECT
    pg_temp.id('000a', 1),
    pg_temp.id('000a', 1),
    pg_temp.id('000c', episode),
    'run-' || episode
FROM generate_series(0, 10000) AS episode;

INSERT INTO asset (namespace_id, space_id, episode_id, asset_id, kind, name, fps, lens, created_at)
SELECT
    pg_temp.id('000a', 1),
    pg_temp.id('000a', 1),
    pg_temp.id('000c', crowd.episode),
    pg_temp.id('000e', 1000000 - row_number() OVER (ORDER BY crowd.second, crowd.name)),
    'video',
    crowd.name,
    30,
    'pinhole',
    timestamptz '2026-04-01T00:00:00Z' + crowd.second * interval '1 second'
FROM (
    SELECT
        '/' || assets || '.mp4' AS name,
        0 AS episode,
        second
    FROM (VALUES (1), (1000), (10000)) AS size (assets)
    CROSS JOIN generate_series(1, assets) AS second
    UNION ALL
    SELECT
        '/everywhere.mp4',
        second,
        second
    FROM generate_series(1, 10000) AS second
    UNION ALL
    SELECT
        '/other-' || second || '.mp4',
        second / 10,
        second
    FROM generate_series(1, 100000) AS second
) AS crowd;

RESET session_replication_role;
