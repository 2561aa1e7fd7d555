-- What: the columns of changes and deletions, the size, digest and media type of the bytes, and files,
--       the sixth kind, with a view of them. The views show the new columns, and live assets only.
-- Why:  assets are corrected, deleted and restored. Clients say what they uploaded, and upload files
--       of any type beside their recordings.
--       No row is rewritten: the columns are null, or have a constant default. The constraints are NOT
--       VALID at first: they hold for every row from now on, and the next migration checks the rows
--       that are there while reads and writes continue. The tables are locked for an instant only.
--       Citus adds a constraint only in a statement of its own.

ALTER TABLE asset
ADD COLUMN revision integer NOT NULL DEFAULT 1,
ADD COLUMN updated_at timestamptz,
ADD COLUMN deleted_at timestamptz,
ADD COLUMN change_id uuid,
ADD COLUMN size bigint,
ADD COLUMN sha256 bytea,
ADD COLUMN content_type text COLLATE "C";

ALTER TABLE asset DROP CONSTRAINT asset_has_the_fields_of_its_kind;

ALTER TABLE asset ADD CONSTRAINT asset_has_the_fields_of_its_kind CHECK (
    CASE kind
        WHEN 'video' THEN
            num_nulls(fps, lens) = 0
            AND num_nonnulls(sample_rate, channels, format, language, width, height) = 0
        WHEN 'audio' THEN num_nonnulls(fps, lens, format, language, width, height) = 0
        WHEN 'label-track' THEN
            num_nonnulls(fps, lens, sample_rate, channels, format, language, width, height) = 0
        WHEN 'text-track' THEN num_nonnulls(fps, lens, sample_rate, channels, width, height) = 0
        WHEN 'image' THEN num_nonnulls(fps, lens, sample_rate, channels, format, language) = 0
        WHEN 'file' THEN
            num_nonnulls(fps, lens, sample_rate, channels, format, language, width, height) = 0
        ELSE FALSE
    END
) NOT VALID;

ALTER TABLE asset
ADD CONSTRAINT asset_size_is_0_or_more CHECK (size >= 0) NOT VALID;

ALTER TABLE asset
ADD CONSTRAINT asset_sha256_has_32_bytes CHECK (octet_length(sha256) = 32) NOT VALID;

ALTER TABLE asset
ADD CONSTRAINT asset_content_type_has_at_most_255_characters CHECK (length(content_type) <= 255) NOT VALID;

COMMENT ON TABLE asset IS
'A file whose bytes are in BSS: a video, an audio, a label track, a text track, an image or another file.';
COMMENT ON COLUMN asset.bss_id IS
'The id of the bytes in BSS: bssVideoId, bssAudioId, bssLabelId, bssTextTrackId, bssImageId or bssFileId.';
COMMENT ON COLUMN asset.revision IS
'Counts the changes of the row: 1 when it is registered; each change, deletion and restoration adds 1.';
COMMENT ON COLUMN asset.updated_at IS 'The time of the last change; null until the first one.';
COMMENT ON COLUMN asset.deleted_at IS 'The time of the deletion; null while the asset is live.';
COMMENT ON COLUMN asset.change_id IS
'The request that changed the row last, made by the service: a change that is sent again finds itself. '
'Null until the first change.';
COMMENT ON COLUMN asset.size IS 'In bytes, as the client sent it.';
COMMENT ON COLUMN asset.sha256 IS 'SHA-256 of the bytes, as the client sent it.';
COMMENT ON COLUMN asset.content_type IS 'The media type, such as video/mp4, as the client sent it.';

CREATE OR REPLACE VIEW video AS
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
    created_at AS "createdAt",
    size,
    encode(sha256, 'hex') AS sha256,
    content_type AS "contentType",
    revision,
    coalesce(updated_at, created_at) AS "updatedAt"
FROM asset
WHERE
    kind = 'video'
    AND deleted_at IS NULL;

COMMENT ON VIEW video IS 'The live assets of kind video, under their published names.';

CREATE OR REPLACE VIEW audio AS
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
    created_at AS "createdAt",
    size,
    encode(sha256, 'hex') AS sha256,
    content_type AS "contentType",
    revision,
    coalesce(updated_at, created_at) AS "updatedAt"
FROM asset
WHERE
    kind = 'audio'
    AND deleted_at IS NULL;

COMMENT ON VIEW audio IS 'The live assets of kind audio, under their published names.';

CREATE OR REPLACE VIEW label_track AS
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
    created_at AS "createdAt",
    size,
    encode(sha256, 'hex') AS sha256,
    content_type AS "contentType",
    revision,
    coalesce(updated_at, created_at) AS "updatedAt"
FROM asset
WHERE
    kind = 'label-track'
    AND deleted_at IS NULL;

COMMENT ON VIEW label_track IS 'The live assets of kind label-track, under their published names.';

CREATE OR REPLACE VIEW text_track AS
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
    created_at AS "createdAt",
    size,
    encode(sha256, 'hex') AS sha256,
    content_type AS "contentType",
    revision,
    coalesce(updated_at, created_at) AS "updatedAt"
FROM asset
WHERE
    kind = 'text-track'
    AND deleted_at IS NULL;

COMMENT ON VIEW text_track IS 'The live assets of kind text-track, under their published names.';

CREATE OR REPLACE VIEW image AS
SELECT
    asset_id AS id,
    namespace_id AS "namespaceId",
    space_id AS "projectId",
    episode_id AS "episodeId",
    node_id AS "nodeId",
    name,
    bss_id AS "bssImageId",
    width,
    height,
    tags,
    metadata,
    created_at AS "createdAt",
    size,
    encode(sha256, 'hex') AS sha256,
    content_type AS "contentType",
    revision,
    coalesce(updated_at, created_at) AS "updatedAt"
FROM asset
WHERE
    kind = 'image'
    AND deleted_at IS NULL;

COMMENT ON VIEW image IS 'The live assets of kind image, under their published names.';

CREATE VIEW file AS
SELECT
    asset_id AS id,
    namespace_id AS "namespaceId",
    space_id AS "projectId",
    episode_id AS "episodeId",
    node_id AS "nodeId",
    name,
    bss_id AS "bssFileId",
    tags,
    metadata,
    created_at AS "createdAt",
    size,
    encode(sha256, 'hex') AS sha256,
    content_type AS "contentType",
    revision,
    coalesce(updated_at, created_at) AS "updatedAt"
FROM asset
WHERE
    kind = 'file'
    AND deleted_at IS NULL;

COMMENT ON VIEW file IS 'The live assets of kind file, under their published names.';
