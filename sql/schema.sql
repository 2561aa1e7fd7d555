-- The schema as the migrations leave it, for reading. Written by `make schema`, not by hand; a test
-- holds it equal to sql/migrations. A database is made and changed by `dreamlake-assets migrate`.

CREATE TABLE schema_migration (
    version integer NOT NULL,
    name text NOT NULL COLLATE "C",
    checksum text NOT NULL COLLATE "C",
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE schema_migration IS 'The migrations that this database has: a row for each file of sql/migrations.';
COMMENT ON COLUMN schema_migration.version IS 'The number at the beginning of the file name.';
COMMENT ON COLUMN schema_migration.name IS 'The file name without .sql.';
COMMENT ON COLUMN schema_migration.checksum IS 'SHA-256 of the file; dreamlake-assets migrate refuses a file that was changed later.';

ALTER TABLE ONLY schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version);


CREATE TABLE namespace (
    namespace_id uuid NOT NULL,
    slug text NOT NULL COLLATE "C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT namespace_slug_is_a_slug CHECK ((slug ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'::text))
);

COMMENT ON TABLE namespace IS 'A tenant: a user or an organisation.';
COMMENT ON COLUMN namespace.slug IS 'The name of the tenant in requests; case-sensitive.';

ALTER TABLE ONLY namespace
    ADD CONSTRAINT namespace_pkey PRIMARY KEY (namespace_id);

COMMENT ON CONSTRAINT namespace_pkey ON namespace IS 'Serves namespace/list_by_subject, asset/find_by_id, asset/find_expired, asset/restore and asset/update; namespace_member_namespace_fkey and space_namespace_fkey.';

ALTER TABLE ONLY namespace
    ADD CONSTRAINT namespace_slug_key UNIQUE (slug);

COMMENT ON CONSTRAINT namespace_slug_key ON namespace IS 'Serves each statement with the parameter namespace.';


CREATE TABLE namespace_member (
    namespace_id uuid NOT NULL,
    subject text NOT NULL COLLATE "C",
    role text NOT NULL COLLATE "C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT namespace_member_role_is_known CHECK ((role = ANY (ARRAY['reader'::text, 'writer'::text])))
);
ALTER TABLE ONLY namespace_member ALTER COLUMN subject SET (n_distinct=-0.2);

COMMENT ON TABLE namespace_member IS 'The members of namespaces, with their roles.';
COMMENT ON COLUMN namespace_member.subject IS 'The claim "sub" in the tokens of the member.';
COMMENT ON COLUMN namespace_member.role IS 'reader: lists and downloads; writer: also registers.';

ALTER TABLE ONLY namespace_member
    ADD CONSTRAINT namespace_member_pkey PRIMARY KEY (namespace_id, subject);

COMMENT ON CONSTRAINT namespace_member_pkey ON namespace_member IS 'Serves each statement with the parameters namespace and subject.';

CREATE INDEX namespace_member_by_subject ON namespace_member USING btree (subject);

COMMENT ON INDEX namespace_member_by_subject IS 'Serves namespace/list_by_subject, namespace_member/list_by_subject, asset/find_by_id, asset/delete, asset/restore and asset/update.';

ALTER TABLE ONLY namespace_member
    ADD CONSTRAINT namespace_member_namespace_fkey FOREIGN KEY (namespace_id) REFERENCES namespace(namespace_id) ON DELETE CASCADE;


CREATE TABLE space (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    slug text NOT NULL COLLATE "C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT space_slug_is_a_slug CHECK ((slug ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'::text))
);
ALTER TABLE ONLY space ALTER COLUMN namespace_id SET (n_distinct=1);

COMMENT ON TABLE space IS 'A project. The API calls it "project", older clients call it "space".';
COMMENT ON COLUMN space.slug IS 'The name of the project in requests; unique in its namespace, case-sensitive.';

ALTER TABLE ONLY space
    ADD CONSTRAINT space_pkey PRIMARY KEY (namespace_id, space_id);

COMMENT ON CONSTRAINT space_pkey ON space IS 'Serves asset/find_by_id, asset/restore and asset/update; episode_space_fkey, node_space_fkey and asset_space_fkey.';

ALTER TABLE ONLY space
    ADD CONSTRAINT space_slug_key UNIQUE (namespace_id, slug);

COMMENT ON CONSTRAINT space_slug_key ON space IS 'Serves space/list_by_namespace and each statement with the parameters subject and project.';

ALTER TABLE ONLY space
    ADD CONSTRAINT space_namespace_fkey FOREIGN KEY (namespace_id) REFERENCES namespace(namespace_id);


CREATE TABLE episode (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    episode_id uuid NOT NULL,
    name text NOT NULL COLLATE "C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT episode_name_has_1_to_512_characters CHECK (((length(name) >= 1) AND (length(name) <= 512)))
);
ALTER TABLE ONLY episode ALTER COLUMN namespace_id SET (n_distinct=1);

COMMENT ON TABLE episode IS 'One recording session in a project.';
COMMENT ON COLUMN episode.name IS 'May contain slashes, such as 2026/q1/run-042; these are not folders.';

ALTER TABLE ONLY episode
    ADD CONSTRAINT episode_name_key UNIQUE (namespace_id, name, space_id);

COMMENT ON CONSTRAINT episode_name_key ON episode IS 'Serves each statement with the parameter episode; each statement with the parameters kinds and episode_ids; asset/find_batch, asset/insert_many, episode/upsert_many and node/upsert_many.';

ALTER TABLE ONLY episode
    ADD CONSTRAINT episode_pkey PRIMARY KEY (namespace_id, episode_id, space_id);

COMMENT ON CONSTRAINT episode_pkey ON episode IS 'Serves each statement with the parameters kinds and episode_ids; asset/find_by_id, asset/find_many, asset/list_by_episode, asset/list_by_episode_created_at, asset/list_by_episode_folder_glob, asset/list_by_episode_glob, asset/list_by_episode_prefix, asset/list_by_episode_tag, asset/restore, asset/update, asset/view_full and node/list_by_episode; node_episode_fkey and asset_episode_fkey.';

CREATE INDEX episode_by_name ON episode USING btree (namespace_id, space_id, name) WHERE (name > ''::text);

COMMENT ON INDEX episode_by_name IS 'Serves episode/list_by_project.';

ALTER TABLE ONLY episode
    ADD CONSTRAINT episode_space_fkey FOREIGN KEY (namespace_id, space_id) REFERENCES space(namespace_id, space_id);


CREATE TABLE node (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    episode_id uuid,
    scope_id uuid GENERATED ALWAYS AS (COALESCE(episode_id, space_id)) STORED NOT NULL,
    node_id uuid NOT NULL,
    parent_id uuid,
    path text NOT NULL COLLATE "C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT node_path_begins_with_a_slash CHECK ((path ~~ '/_%'::text))
);
ALTER TABLE ONLY node ALTER COLUMN namespace_id SET (n_distinct=1);

COMMENT ON TABLE node IS 'A folder of an episode, or of a project for assets without an episode.';
COMMENT ON COLUMN node.scope_id IS 'The episode of the folder, or its project if it has no episode. Never null, so that keys can contain it.';
COMMENT ON COLUMN node.parent_id IS 'The folder that contains this one; null for a folder at the root.';
COMMENT ON COLUMN node.path IS 'The full path, such as /camera/front.';

ALTER TABLE ONLY node
    ADD CONSTRAINT node_path_key UNIQUE (namespace_id, scope_id, path);

COMMENT ON CONSTRAINT node_path_key ON node IS 'Serves asset/find_batch, asset/insert, asset/insert_many, asset/insert_once, asset/keys_by_episode_folder_glob, asset/list_by_episode_folder_glob, asset/update, node/list_by_episode, node/upsert and node/upsert_many.';

ALTER TABLE ONLY node
    ADD CONSTRAINT node_pkey PRIMARY KEY (namespace_id, space_id, node_id);

COMMENT ON CONSTRAINT node_pkey ON node IS 'Serves asset/find_by_id, asset/restore, asset/update and asset/view_full; node_parent_fkey and asset_node_fkey.';

CREATE INDEX node_by_space_path ON node USING btree (space_id, path) INCLUDE (namespace_id);

COMMENT ON INDEX node_by_space_path IS 'Serves asset/keys_by_folder_glob, asset/list_by_folder_glob and node/list_by_project: finds the next distinct path, whatever the number of episodes that have it.';

ALTER TABLE ONLY node
    ADD CONSTRAINT node_episode_fkey FOREIGN KEY (namespace_id, space_id, episode_id) REFERENCES episode(namespace_id, space_id, episode_id);

ALTER TABLE ONLY node
    ADD CONSTRAINT node_parent_fkey FOREIGN KEY (namespace_id, space_id, parent_id) REFERENCES node(namespace_id, space_id, node_id);

ALTER TABLE ONLY node
    ADD CONSTRAINT node_space_fkey FOREIGN KEY (namespace_id, space_id) REFERENCES space(namespace_id, space_id);


CREATE TABLE asset (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    episode_id uuid,
    node_id uuid,
    asset_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    fps double precision,
    sample_rate double precision,
    channels integer,
    kind text NOT NULL COLLATE "C",
    name text COLLATE "C",
    bss_id text COLLATE "C",
    lens text COLLATE "C",
    format text COLLATE "C",
    language text COLLATE "C",
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    metadata jsonb,
    width integer,
    height integer,
    idempotency_key text COLLATE "C",
    request_digest bytea,
    revision integer DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone,
    deleted_at timestamp with time zone,
    change_id uuid,
    size bigint,
    sha256 bytea,
    content_type text COLLATE "C",
    CONSTRAINT asset_channels_is_1_or_more CHECK ((channels >= 1)),
    CONSTRAINT asset_content_type_has_at_most_255_characters CHECK ((length(content_type) <= 255)),
    CONSTRAINT asset_format_is_known CHECK ((format = ANY (ARRAY['vtt'::text, 'srt'::text, 'jsonl'::text]))),
    CONSTRAINT asset_fps_is_above_0 CHECK (((fps > (0)::double precision) AND (fps < 'Infinity'::double precision))),
    CONSTRAINT asset_has_the_fields_of_its_kind CHECK (
CASE kind
    WHEN 'video'::text THEN ((num_nulls(fps, lens) = 0) AND (num_nonnulls(sample_rate, channels, format, language, width, height) = 0))
    WHEN 'audio'::text THEN (num_nonnulls(fps, lens, format, language, width, height) = 0)
    WHEN 'label-track'::text THEN (num_nonnulls(fps, lens, sample_rate, channels, format, language, width, height) = 0)
    WHEN 'text-track'::text THEN (num_nonnulls(fps, lens, sample_rate, channels, width, height) = 0)
    WHEN 'image'::text THEN (num_nonnulls(fps, lens, sample_rate, channels, format, language) = 0)
    WHEN 'file'::text THEN (num_nonnulls(fps, lens, sample_rate, channels, format, language, width, height) = 0)
    ELSE false
END),
    CONSTRAINT asset_height_is_1_or_more CHECK ((height >= 1)),
    CONSTRAINT asset_lens_is_known CHECK ((lens = ANY (ARRAY['fisheye'::text, 'pinhole'::text, 'eqrec'::text]))),
    CONSTRAINT asset_name_begins_with_a_slash CHECK ((name ~~ '/_%'::text)),
    CONSTRAINT asset_sample_rate_is_above_0 CHECK (((sample_rate > (0)::double precision) AND (sample_rate < 'Infinity'::double precision))),
    CONSTRAINT asset_sha256_has_32_bytes CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT asset_size_is_0_or_more CHECK ((size >= 0)),
    CONSTRAINT asset_width_is_1_or_more CHECK ((width >= 1))
)
WITH (autovacuum_vacuum_scale_factor='0.02');

COMMENT ON TABLE asset IS 'A file whose bytes are in BSS: a video, an audio, a label track, a text track, an image or another file.';
COMMENT ON COLUMN asset.node_id IS 'The innermost folder; null for an asset at the root, and for one without a name.';
COMMENT ON COLUMN asset.asset_id IS 'UUIDv7, made by the service. Its order is that of the clocks of several machines.';
COMMENT ON COLUMN asset.created_at IS 'Set by the database. The newest asset of a name has the greatest created_at, and of equal times the greatest id.';
COMMENT ON COLUMN asset.fps IS 'Frames per second.';
COMMENT ON COLUMN asset.sample_rate IS 'In hertz.';
COMMENT ON COLUMN asset.name IS 'The full path, such as /camera/front/run01.mp4; null for an asset without a name.';
COMMENT ON COLUMN asset.bss_id IS 'The id of the bytes in BSS: bssVideoId, bssAudioId, bssLabelId, bssTextTrackId, bssImageId or bssFileId.';
COMMENT ON COLUMN asset.width IS 'In pixels.';
COMMENT ON COLUMN asset.height IS 'In pixels.';
COMMENT ON COLUMN asset.idempotency_key IS 'The Idempotency-Key of the request, unique in its namespace and kept until the asset is purged; null for a request without one.';
COMMENT ON COLUMN asset.request_digest IS 'SHA-256 of the kind and the body of a request with a key; another request with this key is refused.';
COMMENT ON COLUMN asset.revision IS 'Counts the changes of the row: 1 when it is registered; each change, deletion and restoration adds 1.';
COMMENT ON COLUMN asset.updated_at IS 'The time of the last change; null until the first one.';
COMMENT ON COLUMN asset.deleted_at IS 'The time of the deletion; null while the asset is live.';
COMMENT ON COLUMN asset.change_id IS 'The request that changed the row last, made by the service: a change that is sent again finds itself. Null until the first change.';
COMMENT ON COLUMN asset.size IS 'In bytes, as the client sent it.';
COMMENT ON COLUMN asset.sha256 IS 'SHA-256 of the bytes, as the client sent it.';
COMMENT ON COLUMN asset.content_type IS 'The media type, such as video/mp4, as the client sent it.';

ALTER TABLE ONLY asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (namespace_id, asset_id);

COMMENT ON CONSTRAINT asset_pkey ON asset IS 'Serves asset/delete, asset/delete_many, asset/find_by_id, asset/find_expired, asset/find_many, asset/find_namespace, asset/purge, asset/restore, asset/restore_many, asset/update, asset/view_full, asset/view_item and asset/view_revision; asset/insert and asset/insert_many, which find their own rows by it when they are sent again.';

CREATE INDEX asset_by_deleted_at ON asset USING btree (deleted_at, asset_id) WHERE (deleted_at IS NOT NULL);

COMMENT ON INDEX asset_by_deleted_at IS 'Serves asset/find_expired.';

CREATE UNIQUE INDEX asset_by_idempotency_key ON asset USING btree (namespace_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);

COMMENT ON INDEX asset_by_idempotency_key IS 'Serves asset/insert_once, asset/insert_many and asset/find_batch: finds the asset of a key, and lets one of two requests with one key through.';

CREATE INDEX asset_deleted_by_episode_name ON asset USING btree (namespace_id, episode_id, kind, name, asset_id) WHERE ((episode_id IS NOT NULL) AND (num_nonnulls(deleted_at) = 1));

COMMENT ON INDEX asset_deleted_by_episode_name IS 'Serves asset/keys_by_episode_deleted.';

CREATE INDEX asset_deleted_by_space_name ON asset USING btree (namespace_id, space_id, kind, name, asset_id) WHERE (num_nonnulls(deleted_at) = 1);

COMMENT ON INDEX asset_deleted_by_space_name IS 'Serves asset/keys_by_deleted.';

CREATE INDEX asset_live_by_created_at ON asset USING btree (space_id, kind, created_at) WHERE (num_nonnulls(deleted_at) = 0);

COMMENT ON INDEX asset_live_by_created_at IS 'Serves asset/keys_by_created_at, asset/keys_by_episode_created_at, asset/list_by_created_at and asset/list_by_episode_created_at.';

CREATE INDEX asset_live_by_episode_name ON asset USING btree (namespace_id, episode_id, kind, name, asset_id) WHERE ((episode_id IS NOT NULL) AND (deleted_at IS NULL));

COMMENT ON INDEX asset_live_by_episode_name IS 'Serves asset/keys_by_episode, asset/keys_by_episode_created_at, asset/keys_by_episode_folder_glob, asset/keys_by_episode_tag, asset/list_by_episode, asset/list_by_episode_created_at, asset/list_by_episode_folder_glob, asset/list_by_episode_glob, asset/list_by_episode_prefix, asset/list_by_episode_tag and asset/stream_by_episode.';

CREATE INDEX asset_live_by_episode_name_created_at ON asset USING btree (episode_id, kind, name, created_at, asset_id) WHERE ((episode_id IS NOT NULL) AND (name IS NOT NULL) AND (num_nonnulls(deleted_at) = 0));

COMMENT ON INDEX asset_live_by_episode_name_created_at IS 'Serves asset/find_many.';

CREATE INDEX asset_live_by_sha256 ON asset USING btree (space_id, sha256) WHERE ((sha256 IS NOT NULL) AND (deleted_at IS NULL));

COMMENT ON INDEX asset_live_by_sha256 IS 'Serves asset/keys_by_digest.';

CREATE INDEX asset_live_by_space_name ON asset USING btree (namespace_id, space_id, kind, name, asset_id) WHERE (deleted_at IS NULL);

COMMENT ON INDEX asset_live_by_space_name IS 'Serves asset/keys_by_created_at, asset/keys_by_folder_glob, asset/keys_by_project, asset/keys_by_tag, asset/list_by_created_at, asset/list_by_folder_glob, asset/list_by_glob, asset/list_by_prefix, asset/list_by_project, asset/list_by_tag and asset/stream_by_project.';

CREATE INDEX asset_live_by_space_name_created_at ON asset USING btree (space_id, kind, name, created_at, asset_id) WHERE ((name IS NOT NULL) AND (num_nonnulls(deleted_at) = 0));

COMMENT ON INDEX asset_live_by_space_name_created_at IS 'Serves asset/find_many.';

CREATE INDEX asset_live_by_tag ON asset USING gin (((ARRAY[(((space_id)::text || '/'::text) || kind)] || tags))) WITH (fastupdate=off) WHERE ((tags <> '{}'::text[]) AND (num_nulls(deleted_at) = 1));

COMMENT ON INDEX asset_live_by_tag IS 'Serves asset/keys_by_episode_tag, asset/keys_by_tag, asset/list_by_episode_tag and asset/list_by_tag.';

ALTER TABLE ONLY asset
    ADD CONSTRAINT asset_episode_fkey FOREIGN KEY (namespace_id, space_id, episode_id) REFERENCES episode(namespace_id, space_id, episode_id);

ALTER TABLE ONLY asset
    ADD CONSTRAINT asset_node_fkey FOREIGN KEY (namespace_id, space_id, node_id) REFERENCES node(namespace_id, space_id, node_id);

ALTER TABLE ONLY asset
    ADD CONSTRAINT asset_space_fkey FOREIGN KEY (namespace_id, space_id) REFERENCES space(namespace_id, space_id);


CREATE VIEW video AS
 SELECT asset_id AS id,
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
    encode(sha256, 'hex'::text) AS sha256,
    content_type AS "contentType",
    revision,
    COALESCE(updated_at, created_at) AS "updatedAt"
   FROM asset
  WHERE ((kind = 'video'::text) AND (deleted_at IS NULL));

COMMENT ON VIEW video IS 'The live assets of kind video, under their published names.';


CREATE VIEW audio AS
 SELECT asset_id AS id,
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
    encode(sha256, 'hex'::text) AS sha256,
    content_type AS "contentType",
    revision,
    COALESCE(updated_at, created_at) AS "updatedAt"
   FROM asset
  WHERE ((kind = 'audio'::text) AND (deleted_at IS NULL));

COMMENT ON VIEW audio IS 'The live assets of kind audio, under their published names.';


CREATE VIEW label_track AS
 SELECT asset_id AS id,
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
    encode(sha256, 'hex'::text) AS sha256,
    content_type AS "contentType",
    revision,
    COALESCE(updated_at, created_at) AS "updatedAt"
   FROM asset
  WHERE ((kind = 'label-track'::text) AND (deleted_at IS NULL));

COMMENT ON VIEW label_track IS 'The live assets of kind label-track, under their published names.';


CREATE VIEW text_track AS
 SELECT asset_id AS id,
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
    encode(sha256, 'hex'::text) AS sha256,
    content_type AS "contentType",
    revision,
    COALESCE(updated_at, created_at) AS "updatedAt"
   FROM asset
  WHERE ((kind = 'text-track'::text) AND (deleted_at IS NULL));

COMMENT ON VIEW text_track IS 'The live assets of kind text-track, under their published names.';


CREATE VIEW image AS
 SELECT asset_id AS id,
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
    encode(sha256, 'hex'::text) AS sha256,
    content_type AS "contentType",
    revision,
    COALESCE(updated_at, created_at) AS "updatedAt"
   FROM asset
  WHERE ((kind = 'image'::text) AND (deleted_at IS NULL));

COMMENT ON VIEW image IS 'The live assets of kind image, under their published names.';


CREATE VIEW file AS
 SELECT asset_id AS id,
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
    encode(sha256, 'hex'::text) AS sha256,
    content_type AS "contentType",
    revision,
    COALESCE(updated_at, created_at) AS "updatedAt"
   FROM asset
  WHERE ((kind = 'file'::text) AND (deleted_at IS NULL));

COMMENT ON VIEW file IS 'The live assets of kind file, under their published names.';
