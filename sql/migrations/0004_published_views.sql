-- What: the four kinds under their published names.
-- Why:  people at a psql prompt think in videos and label tracks, and in the names of the API.
--       The service itself reads the table.

CREATE VIEW video AS
SELECT
    asset_id AS id,
    namespace_id AS "namespaceId",
    space_id AS "projectId",
    episode_id AS "episodeId",
    node_id AS "nodeId",
    name,
    bss_id AS "bssVideoId",
    fps,
    lens,
    tags,
    metadata,
    created_at AS "createdAt"
FROM asset
WHERE kind = 'video';

COMMENT ON VIEW video IS 'The assets of kind video, under their published names.';

CREATE VIEW audio AS
SELECT
    asset_id AS id,
    namespace_id AS "namespaceId",
    space_id AS "projectId",
    episode_id AS "episodeId",
    node_id AS "nodeId",
    name,
    bss_id AS "bssAudioId",
    sample_rate AS "sampleRate",
    channels,
    tags,
    metadata,
    created_at AS "createdAt"
FROM asset
WHERE kind = 'audio';

COMMENT ON VIEW audio IS 'The assets of kind audio, under their published names.';

CREATE VIEW label_track AS
SELECT
    asset_id AS id,
    namespace_id AS "namespaceId",
    space_id AS "projectId",
    episode_id AS "episodeId",
    node_id AS "nodeId",
    name,
    bss_id AS "bssLabelId",
    tags,
    metadata,
    created_at AS "createdAt"
FROM asset
WHERE kind = 'label-track';

COMMENT ON VIEW label_track IS 'The assets of kind label-track, under their published names.';

CREATE VIEW text_track AS
SELECT
    asset_id AS id,
    namespace_id AS "namespaceId",
    space_id AS "projectId",
    episode_id AS "episodeId",
    node_id AS "nodeId",
    name,
    bss_id AS "bssTextTrackId",
    format,
    language,
    tags,
    metadata,
    created_at AS "createdAt"
FROM asset
WHERE kind = 'text-track';

COMMENT ON VIEW text_track IS 'The assets of kind text-track, under their published names.';
