-- 230,000 assets, enough to show a plan that reads too much. Foreign keys are not checked row by row:
-- this file also creates the rows that they refer to.

SET session_replication_role = replica;

CREATE FUNCTION pg_temp.id(kind text, number bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
    SELECT ('01970000-' || kind || '-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid
$$;

CREATE TEMPORARY TABLE project AS
SELECT
    number,
    pg_temp.id('000a', CASE WHEN number <= 3 THEN 1 ELSE number END) AS namespace_id,
    pg_temp.id('000b', number) AS space_id,
    CASE number WHEN 2 THEN 'archive' WHEN 3 THEN 'few' ELSE 'robotics' END AS slug,
    -- robotics has many episodes, archive has a large one, the others are small.
    CASE number WHEN 1 THEN 10000 WHEN 2 THEN 1 WHEN 3 THEN 10 ELSE 1 END AS episodes,
    CASE number WHEN 1 THEN 120000 WHEN 2 THEN 110000 WHEN 3 THEN 2000 ELSE 2 END AS videos
FROM generate_series(1, 5000) AS number;

INSERT INTO namespace (namespace_id, slug)
SELECT DISTINCT
    namespace_id,
    CASE WHEN number <= 3 THEN 'testuser' ELSE 'tenant-' || number END
FROM project;

-- Most subjects are members of one namespace, one is a member of all.
INSERT INTO namespace_member (namespace_id, subject, role)
SELECT DISTINCT
    namespace_id,
    'test-001',
    'writer'
FROM project
WHERE namespace_id = pg_temp.id('000a', 1);

INSERT INTO namespace_member (namespace_id, subject, role)
SELECT
    namespace_id,
    subject,
    'writer'
FROM namespace
CROSS JOIN LATERAL (VALUES ('robot'), ('owner of ' || slug)) AS member (subject);

INSERT INTO space (namespace_id, space_id, slug)
SELECT
    namespace_id,
    space_id,
    slug
FROM project;

INSERT INTO episode (namespace_id, space_id, episode_id, name)
SELECT
    project.namespace_id,
    project.space_id,
    pg_temp.id('000c', project.number * 10000 + episode),
    'run-' || lpad(episode::text, greatest(4, length(episode::text)), '0')
FROM project
CROSS JOIN generate_series(1, project.episodes) AS episode;

-- The same folders in every episode: /camera/c00 to /camera/c19, and some beside them.
CREATE TEMPORARY TABLE folder AS
SELECT
    row_number() OVER (ORDER BY path) AS number,
    path
FROM (
    SELECT '/camera/c' || lpad(camera::text, 2, '0') AS path
    FROM generate_series(0, 19) AS camera
    UNION ALL
    VALUES ('/audio'), ('/camera'), ('/camera/c05/raw'), ('/lidar'), ('/lidar/top')
) AS folder;

INSERT INTO node (namespace_id, space_id, episode_id, node_id, parent_id, path)
SELECT
    episode.namespace_id,
    episode.space_id,
    episode.episode_id,
    pg_temp.id('000d', project.number * 1000000 + substr(episode.name, 5)::bigint * 100 + folder.number),
    CASE
        WHEN folder.path LIKE '/%/%' THEN pg_temp.id(
            '000d',
            project.number * 1000000 + substr(episode.name, 5)::bigint * 100 + parent.number
        )
    END,
    folder.path
FROM project
INNER JOIN episode
    ON episode.space_id = project.space_id
CROSS JOIN folder
LEFT JOIN folder AS parent
    ON parent.path = regexp_replace(folder.path, '/[^/]*$', '')
WHERE project.number <= 1000;

-- All cameras record at once, so what stands together by name was registered apart, an asset a second.
-- A tag of three in ten, and one of one in a thousand.
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
    tags,
    created_at
)
SELECT
    project.namespace_id,
    project.space_id,
    pg_temp.id('000c', project.number * 10000 + 1 + (video / 12) % project.episodes),
    pg_temp.id('000d', project.number * 1000000 + (1 + (video / 12) % project.episodes) * 100 + folder.number),
    pg_temp.id('000e', project.number * 1000000 + video),
    'video',
    folder.path || '/person' || lpad((video / 20)::text, 6, '0') || '.mp4',
    'bss-' || video,
    30,
    'pinhole',
    CASE WHEN video % 1000 = 0 THEN '{night,rain}' WHEN video / 20 % 10 < 3 THEN '{night}' ELSE '{}' END::text [],
    timestamptz '2026-04-01T00:00:00Z' + video * interval '1 second'
FROM project
CROSS JOIN generate_series(0, project.videos - 1) AS video
INNER JOIN folder
    ON folder.path = '/camera/c' || lpad((video % 20)::text, 2, '0')
WHERE project.number <= 1000;

-- Without a name; in the large episode, too.
INSERT INTO asset (namespace_id, space_id, episode_id, asset_id, kind, fps, lens)
SELECT
    project.namespace_id,
    project.space_id,
    pg_temp.id('000c', project.number * 10000 + 1 + video % project.episodes),
    pg_temp.id('000f', project.number * 1000000 + video),
    'video',
    30,
    'pinhole'
FROM project
CROSS JOIN generate_series(1, 4000) AS video
WHERE project.number <= 2;

-- Another kind, in the same places.
INSERT INTO asset (namespace_id, space_id, episode_id, asset_id, kind, name)
SELECT
    project.namespace_id,
    project.space_id,
    pg_temp.id('000c', project.number * 10000 + 1 + audio % project.episodes),
    pg_temp.id('0010', project.number * 1000000 + audio),
    'audio',
    '/camera/c07/person' || lpad(audio::text, 6, '0') || '.wav'
FROM project
CROSS JOIN generate_series(1, 2000) AS audio
WHERE project.number <= 2;

RESET session_replication_role;
