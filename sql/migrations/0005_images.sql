-- What: images, the fifth kind, with their width and height, and a view of them.
-- Why:  clients upload stills beside their recordings.
--       Columns that may be null are added without touching a row. The constraints are NOT VALID at
--       first: they hold for every row from now on, and the rows that are there are checked by the
--       next migration, which keeps nobody waiting. The tables are locked for an instant only.

ALTER TABLE asset
ADD COLUMN width integer,
ADD COLUMN height integer,
DROP CONSTRAINT asset_has_the_fields_of_its_kind,
ADD CONSTRAINT asset_has_the_fields_of_its_kind CHECK (
    CASE kind
        WHEN 'video' THEN
            num_nulls(fps, lens) = 0
            AND num_nonnulls(sample_rate, channels, format, language, width, height) = 0
        WHEN 'audio' THEN num_nonnulls(fps, lens, format, language, width, height) = 0
        WHEN 'label-track' THEN
            num_nonnulls(fps, lens, sample_rate, channels, format, language, width, height) = 0
        WHEN 'text-track' THEN num_nonnulls(fps, lens, sample_rate, channels, width, height) = 0
        WHEN 'image' THEN num_nonnulls(fps, lens, sample_rate, channels, format, language) = 0
        ELSE FALSE
    END
) NOT VALID,
ADD CONSTRAINT asset_width_is_1_or_more CHECK (width >= 1) NOT VALID,
ADD CONSTRAINT asset_height_is_1_or_more CHECK (height >= 1) NOT VALID;

COMMENT ON TABLE asset IS
'A file whose bytes are in BSS: a video, an audio, a label track, a text track or an image.';
COMMENT ON COLUMN asset.bss_id IS
'The id of the bytes in BSS: bssVideoId, bssAudioId, bssLabelId, bssTextTrackId or bssImageId.';
COMMENT ON COLUMN asset.width IS 'In pixels.';
COMMENT ON COLUMN asset.height IS 'In pixels.';

CREATE VIEW image AS
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
    created_at AS "createdAt"
FROM asset
WHERE kind = 'image';

COMMENT ON VIEW image IS 'The assets of kind image, under their published names.';
