-- What: the assets, all kinds in one table.
-- Why:  one insert, one listing, one set of indexes. A further kind is a column or two and a new
--       version of the constraint asset_has_the_fields_of_its_kind.

CREATE TABLE asset (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    episode_id uuid,
    node_id uuid,
    asset_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    fps double precision,
    sample_rate double precision,
    channels integer,
    kind text COLLATE "C" NOT NULL,
    -- COLLATE "C": the order of bytes is the order of the API, and a prefix is a range of the index.
    name text COLLATE "C",
    bss_id text COLLATE "C",
    lens text COLLATE "C",
    format text COLLATE "C",
    language text COLLATE "C",
    tags text[] NOT NULL DEFAULT '{}',
    metadata jsonb,
    CONSTRAINT asset_pkey PRIMARY KEY (namespace_id, asset_id),
    CONSTRAINT asset_space_fkey FOREIGN KEY (namespace_id, space_id)
    REFERENCES space (namespace_id, space_id),
    CONSTRAINT asset_episode_fkey FOREIGN KEY (namespace_id, space_id, episode_id)
    REFERENCES episode (namespace_id, space_id, episode_id),
    CONSTRAINT asset_node_fkey FOREIGN KEY (namespace_id, space_id, node_id)
    REFERENCES node (namespace_id, space_id, node_id),
    CONSTRAINT asset_name_begins_with_a_slash CHECK (name LIKE '/_%'),
    CONSTRAINT asset_lens_is_known CHECK (lens IN ('fisheye', 'pinhole', 'eqrec')),
    CONSTRAINT asset_format_is_known CHECK (format IN ('vtt', 'srt', 'jsonl')),
    CONSTRAINT asset_fps_is_above_0 CHECK (fps > 0 AND fps < 'infinity'),
    CONSTRAINT asset_sample_rate_is_above_0 CHECK (sample_rate > 0 AND sample_rate < 'infinity'),
    CONSTRAINT asset_channels_is_1_or_more CHECK (channels >= 1),
    CONSTRAINT asset_has_the_fields_of_its_kind CHECK (
        CASE kind
            WHEN 'video' THEN num_nulls(fps, lens) = 0 AND num_nonnulls(sample_rate, channels, format, language) = 0
            WHEN 'audio' THEN num_nonnulls(fps, lens, format, language) = 0
            WHEN 'label-track' THEN num_nonnulls(fps, lens, sample_rate, channels, format, language) = 0
            WHEN 'text-track' THEN num_nonnulls(fps, lens, sample_rate, channels) = 0
            ELSE FALSE
        END
    )
);

COMMENT ON TABLE asset IS 'A file whose bytes are in BSS: a video, an audio, a label track or a text track.';
COMMENT ON COLUMN asset.asset_id IS 'UUIDv7 made by the service: of two, the greater was registered later.';
COMMENT ON COLUMN asset.node_id IS 'The innermost folder; null for an asset at the root or without a name.';
COMMENT ON COLUMN asset.name IS 'The full path, such as /camera/front/run01.mp4; null: not named.';
COMMENT ON COLUMN asset.bss_id IS 'The id of the bytes in BSS: bssVideoId, bssAudioId, bssLabelId or bssTextTrackId.';
COMMENT ON COLUMN asset.sample_rate IS 'In hertz.';
COMMENT ON COLUMN asset.fps IS 'Frames per second.';
COMMENT ON CONSTRAINT asset_pkey ON asset IS 'Serves asset/insert: a statement sent again finds its own row.';

CREATE INDEX asset_by_space_name ON asset (namespace_id, space_id, kind, name, asset_id);

COMMENT ON INDEX asset_by_space_name IS
'Serves asset/list_by_project, asset/list_by_prefix, asset/list_by_glob, asset/list_by_folder_glob '
'and asset/find_by_name.';

CREATE INDEX asset_by_episode_name ON asset (namespace_id, episode_id, kind, name, asset_id)
WHERE episode_id IS NOT NULL;

COMMENT ON INDEX asset_by_episode_name IS
'Serves asset/list_by_episode, asset/list_by_episode_prefix, asset/list_by_episode_glob, '
'asset/list_by_episode_folder_glob and asset/find_by_episode_name.';
