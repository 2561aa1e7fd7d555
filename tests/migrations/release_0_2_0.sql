-- The database of release 0.2.0, with rows in every table, as pg_dump wrote it. Frozen: later releases
-- must bring it up to date and lose nothing.

CREATE TABLE public.asset (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    episode_id uuid,
    node_id uuid,
    asset_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    fps double precision,
    sample_rate double precision,
    channels integer,
    kind text NOT NULL COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    bss_id text COLLATE pg_catalog."C",
    lens text COLLATE pg_catalog."C",
    format text COLLATE pg_catalog."C",
    language text COLLATE pg_catalog."C",
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    metadata jsonb,
    width integer,
    height integer,
    idempotency_key text COLLATE pg_catalog."C",
    request_digest bytea,
    CONSTRAINT asset_channels_is_1_or_more CHECK ((channels >= 1)),
    CONSTRAINT asset_format_is_known CHECK ((format = ANY (ARRAY['vtt'::text, 'srt'::text, 'jsonl'::text]))),
    CONSTRAINT asset_fps_is_above_0 CHECK (((fps > (0)::double precision) AND (fps < 'Infinity'::double precision))),
    CONSTRAINT asset_has_the_fields_of_its_kind CHECK (
CASE kind
    WHEN 'video'::text THEN ((num_nulls(fps, lens) = 0) AND (num_nonnulls(sample_rate, channels, format, language, width, height) = 0))
    WHEN 'audio'::text THEN (num_nonnulls(fps, lens, format, language, width, height) = 0)
    WHEN 'label-track'::text THEN (num_nonnulls(fps, lens, sample_rate, channels, format, language, width, height) = 0)
    WHEN 'text-track'::text THEN (num_nonnulls(fps, lens, sample_rate, channels, width, height) = 0)
    WHEN 'image'::text THEN (num_nonnulls(fps, lens, sample_rate, channels, format, language) = 0)
    ELSE false
END),
    CONSTRAINT asset_height_is_1_or_more CHECK ((height >= 1)),
    CONSTRAINT asset_lens_is_known CHECK ((lens = ANY (ARRAY['fisheye'::text, 'pinhole'::text, 'eqrec'::text]))),
    CONSTRAINT asset_name_begins_with_a_slash CHECK ((name ~~ '/_%'::text)),
    CONSTRAINT asset_sample_rate_is_above_0 CHECK (((sample_rate > (0)::double precision) AND (sample_rate < 'Infinity'::double precision))),
    CONSTRAINT asset_width_is_1_or_more CHECK ((width >= 1))
);

COMMENT ON TABLE public.asset IS 'A file whose bytes are in BSS: a video, an audio, a label track, a text track or an image.';

COMMENT ON COLUMN public.asset.node_id IS 'The innermost folder; null for an asset at the root, and for one without a name.';

COMMENT ON COLUMN public.asset.asset_id IS 'UUIDv7, made by the service. Its order is that of the clocks of several machines.';

COMMENT ON COLUMN public.asset.created_at IS 'Set by the database. The newest asset of a name has the greatest created_at, and of equal times the greatest id.';

COMMENT ON COLUMN public.asset.fps IS 'Frames per second.';

COMMENT ON COLUMN public.asset.sample_rate IS 'In hertz.';

COMMENT ON COLUMN public.asset.name IS 'The full path, such as /camera/front/run01.mp4; null for an asset without a name.';

COMMENT ON COLUMN public.asset.bss_id IS 'The id of the bytes in BSS: bssVideoId, bssAudioId, bssLabelId, bssTextTrackId or bssImageId.';

COMMENT ON COLUMN public.asset.width IS 'In pixels.';

COMMENT ON COLUMN public.asset.height IS 'In pixels.';

COMMENT ON COLUMN public.asset.idempotency_key IS 'The Idempotency-Key of the request, unique in its namespace and kept for good; null for a request without one.';

COMMENT ON COLUMN public.asset.request_digest IS 'SHA-256 of the kind and the body of a request with a key; another request with this key is refused.';

CREATE VIEW public.audio AS
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
    created_at AS "createdAt"
   FROM public.asset
  WHERE (kind = 'audio'::text);

COMMENT ON VIEW public.audio IS 'The assets of kind audio, under their published names.';

CREATE TABLE public.episode (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    episode_id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT episode_name_has_1_to_512_characters CHECK (((length(name) >= 1) AND (length(name) <= 512)))
);
ALTER TABLE ONLY public.episode ALTER COLUMN namespace_id SET (n_distinct=1);

COMMENT ON TABLE public.episode IS 'One recording session in a project.';

COMMENT ON COLUMN public.episode.name IS 'May contain slashes, such as 2026/q1/run-042; these are not folders.';

CREATE VIEW public.image AS
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
    created_at AS "createdAt"
   FROM public.asset
  WHERE (kind = 'image'::text);

COMMENT ON VIEW public.image IS 'The assets of kind image, under their published names.';

CREATE VIEW public.label_track AS
 SELECT asset_id AS id,
    namespace_id AS "namespaceId",
    space_id AS "projectId",
    episode_id AS "episodeId",
    node_id AS "nodeId",
    name,
    bss_id AS "bssLabelId",
    tags,
    metadata,
    created_at AS "createdAt"
   FROM public.asset
  WHERE (kind = 'label-track'::text);

COMMENT ON VIEW public.label_track IS 'The assets of kind label-track, under their published names.';

CREATE TABLE public.namespace (
    namespace_id uuid NOT NULL,
    slug text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT namespace_slug_is_a_slug CHECK ((slug ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'::text))
);

COMMENT ON TABLE public.namespace IS 'A tenant: a user or an organisation.';

COMMENT ON COLUMN public.namespace.slug IS 'The name of the tenant in requests; case-sensitive.';

CREATE TABLE public.namespace_member (
    namespace_id uuid NOT NULL,
    subject text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT namespace_member_role_is_known CHECK ((role = ANY (ARRAY['reader'::text, 'writer'::text])))
);
ALTER TABLE ONLY public.namespace_member ALTER COLUMN subject SET (n_distinct=-0.2);

COMMENT ON TABLE public.namespace_member IS 'The members of namespaces, with their roles.';

COMMENT ON COLUMN public.namespace_member.subject IS 'The claim "sub" in the tokens of the member.';

COMMENT ON COLUMN public.namespace_member.role IS 'reader: lists and downloads; writer: also registers.';

CREATE TABLE public.node (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    episode_id uuid,
    scope_id uuid GENERATED ALWAYS AS (COALESCE(episode_id, space_id)) STORED NOT NULL,
    node_id uuid NOT NULL,
    parent_id uuid,
    path text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT node_path_begins_with_a_slash CHECK ((path ~~ '/_%'::text))
);
ALTER TABLE ONLY public.node ALTER COLUMN namespace_id SET (n_distinct=1);

COMMENT ON TABLE public.node IS 'A folder of an episode, or of a project for assets without an episode.';

COMMENT ON COLUMN public.node.scope_id IS 'The episode of the folder, or its project if it has no episode. Never null, so that keys can contain it.';

COMMENT ON COLUMN public.node.parent_id IS 'The folder that contains this one; null for a folder at the root.';

COMMENT ON COLUMN public.node.path IS 'The full path, such as /camera/front.';

CREATE TABLE public.schema_migration (
    version integer NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    checksum text NOT NULL COLLATE pg_catalog."C",
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

COMMENT ON TABLE public.schema_migration IS 'The migrations that this database has: a row for each file of sql/migrations.';

COMMENT ON COLUMN public.schema_migration.version IS 'The number at the beginning of the file name.';

COMMENT ON COLUMN public.schema_migration.name IS 'The file name without .sql.';

COMMENT ON COLUMN public.schema_migration.checksum IS 'SHA-256 of the file; dreamlake-assets migrate refuses a file that was changed later.';

CREATE TABLE public.space (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    slug text NOT NULL COLLATE pg_catalog."C",
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT space_slug_is_a_slug CHECK ((slug ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$'::text))
);
ALTER TABLE ONLY public.space ALTER COLUMN namespace_id SET (n_distinct=1);

COMMENT ON TABLE public.space IS 'A project. The API calls it "project", older clients call it "space".';

COMMENT ON COLUMN public.space.slug IS 'The name of the project in requests; unique in its namespace, case-sensitive.';

CREATE VIEW public.text_track AS
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
    created_at AS "createdAt"
   FROM public.asset
  WHERE (kind = 'text-track'::text);

COMMENT ON VIEW public.text_track IS 'The assets of kind text-track, under their published names.';

CREATE VIEW public.video AS
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
    created_at AS "createdAt"
   FROM public.asset
  WHERE (kind = 'video'::text);

COMMENT ON VIEW public.video IS 'The assets of kind video, under their published names.';

INSERT INTO public.asset VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', '01970000-000c-7000-8000-000000000001', '01970000-000d-7000-8000-000000000002', '01970000-000e-7000-8000-000000000001', '2026-11-24 15:42:31.058025+00', 29.97, NULL, NULL, 'video', '/camera/front/run01.mp4', 'bss-1', 'fisheye', NULL, NULL, '{night,rain}', '{"n": 1.50, "robot": "r2"}', NULL, NULL, NULL, NULL);
INSERT INTO public.asset VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', '01970000-000c-7000-8000-000000000001', '01970000-000d-7000-8000-000000000002', '01970000-000e-7000-8000-000000000002', '2026-11-24 15:42:31.058906+00', 30, NULL, NULL, 'video', '/camera/front/run01.mp4', 'bss-2', 'pinhole', NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.asset VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', '01970000-000c-7000-8000-000000000002', NULL, '01970000-000e-7000-8000-000000000003', '2026-11-24 15:42:31.059274+00', 30, NULL, NULL, 'video', NULL, NULL, 'eqrec', NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.asset VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', NULL, '01970000-000d-7000-8000-000000000003', '01970000-000e-7000-8000-000000000004', '2026-11-24 15:42:31.059543+00', NULL, 48000, 2, 'audio', '/camera/run01.wav', 'bss-3', NULL, NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.asset VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', NULL, NULL, '01970000-000e-7000-8000-000000000005', '2026-11-24 15:42:31.059846+00', NULL, NULL, NULL, 'label-track', '/boxes.jsonl', 'bss-4', NULL, NULL, NULL, '{x}', '{}', NULL, NULL, NULL, NULL);
INSERT INTO public.asset VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000002', NULL, '01970000-000d-7000-8000-000000000004', '01970000-000e-7000-8000-000000000006', '2026-11-24 15:42:31.060088+00', NULL, NULL, NULL, 'text-track', '/größe/a.vtt', NULL, NULL, 'vtt', 'pt-BR', '{}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.asset VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01a22374-e798-71dc-9771-c1270c1e51af', NULL, '01a22374-e798-725b-a513-1e8615743571', '01a22374-e787-77aa-b99d-bafd3dad5233', '2026-11-28 18:39:53.752356+00', NULL, NULL, NULL, 'image', '/camera/front.png', 'bss-7', NULL, NULL, NULL, '{}', NULL, 1280, 720, 'image-1', '\x142c93ec548f62add08084042eb8a14d9b1b246aa4c6650b57d63f1a83813a78');
INSERT INTO public.asset VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01a22374-e798-71dc-9771-c1270c1e51af', '01a22374-e7ae-7531-b120-1ecc28c37b7a', '01a22374-e7ae-754a-99ca-7b0070487bc8', '01a22374-e7ad-79ba-8f3a-c1bbf47e24fc', '2026-11-28 18:39:53.774411+00', 30, NULL, NULL, 'video', '/camera/a.mp4', NULL, 'pinhole', NULL, NULL, '{night,rain}', '{"n": 1.5, "robot": "r2"}', NULL, NULL, 'video-1', '\x23c234f6971bccc2b5a00125d715ef6b425d926b2ba05d691a6dfc7a05007d7f');
INSERT INTO public.asset VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01a22374-e798-71dc-9771-c1270c1e51af', '01a22374-e7ae-7531-b120-1ecc28c37b7a', '01a22374-e7ae-754a-99ca-7b0070487bc8', '01a22374-e7b3-7a50-9763-504a4aea2502', '2026-11-28 18:39:53.779901+00', 30, NULL, NULL, 'video', '/camera/a.mp4', NULL, 'pinhole', NULL, NULL, '{night}', NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.asset VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01a22374-e798-71dc-9771-c1270c1e51af', NULL, NULL, '01a22374-e7b6-7d71-b199-7ad5fec51396', '2026-11-28 18:39:53.783006+00', NULL, NULL, NULL, 'audio', NULL, NULL, NULL, NULL, NULL, '{}', NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.episode VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', '01970000-000c-7000-8000-000000000001', 'run-042', '2026-11-24 15:42:31.055952+00');
INSERT INTO public.episode VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', '01970000-000c-7000-8000-000000000002', '2026/q1/run-001', '2026-11-24 15:42:31.055952+00');
INSERT INTO public.episode VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01a22374-e798-71dc-9771-c1270c1e51af', '01a22374-e7ae-7531-b120-1ecc28c37b7a', 'run-1', '2026-11-28 18:39:53.774411+00');

INSERT INTO public.namespace VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', 'testuser', '2026-11-24 15:42:31.05276+00');
INSERT INTO public.namespace VALUES ('01a20e39-128f-711d-a072-022b075292b0', 'empty', '2026-11-24 15:42:31.055138+00');

INSERT INTO public.namespace_member VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', 'test-001', 'writer', '2026-11-24 15:42:31.053907+00');
INSERT INTO public.namespace_member VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', 'test-002', 'reader', '2026-11-24 15:42:31.054885+00');

INSERT INTO public.node VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', '01970000-000c-7000-8000-000000000001', DEFAULT, '01970000-000d-7000-8000-000000000001', NULL, '/camera', '2026-11-24 15:42:31.056473+00');
INSERT INTO public.node VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', '01970000-000c-7000-8000-000000000001', DEFAULT, '01970000-000d-7000-8000-000000000002', '01970000-000d-7000-8000-000000000001', '/camera/front', '2026-11-24 15:42:31.057031+00');
INSERT INTO public.node VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', NULL, DEFAULT, '01970000-000d-7000-8000-000000000003', NULL, '/camera', '2026-11-24 15:42:31.057323+00');
INSERT INTO public.node VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000002', NULL, DEFAULT, '01970000-000d-7000-8000-000000000004', NULL, '/größe', '2026-11-24 15:42:31.057504+00');
INSERT INTO public.node VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01a22374-e798-71dc-9771-c1270c1e51af', NULL, DEFAULT, '01a22374-e798-725b-a513-1e8615743571', NULL, '/camera', '2026-11-28 18:39:53.752356+00');
INSERT INTO public.node VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01a22374-e798-71dc-9771-c1270c1e51af', '01a22374-e7ae-7531-b120-1ecc28c37b7a', DEFAULT, '01a22374-e7ae-754a-99ca-7b0070487bc8', NULL, '/camera', '2026-11-28 18:39:53.774411+00');

INSERT INTO public.schema_migration VALUES (0, '0000_schema_migrations', '919a06e38d07328c36d58f2896956b1f14a15207745b9426519fa72a0cc36fbf', '2026-11-24 15:42:30.947301+00');
INSERT INTO public.schema_migration VALUES (1, '0001_namespaces', 'f860f9b8b9a433a37126d232bba076274cb7e8754daf15f1b443595b2b89069d', '2026-11-24 15:42:30.958969+00');
INSERT INTO public.schema_migration VALUES (2, '0002_paths', 'ac247656235638710b0a7b113785e08636fdad852bbecc5ac5fa12ec78d2a93f', '2026-11-24 15:42:30.995025+00');
INSERT INTO public.schema_migration VALUES (3, '0003_assets', '7f64e0d3154924a6785d3995de1139f20d6a2d7619145701a28de7f6dc6486e6', '2026-11-24 15:42:31.023353+00');
INSERT INTO public.schema_migration VALUES (4, '0004_published_views', '849b913107c568202ddb6801e68fe6a81b0358a6b42daca7b9548aade4a4dbeb', '2026-11-24 15:42:31.044696+00');
INSERT INTO public.schema_migration VALUES (5, '0005_images', '8644152a1c3d347d8b1aaa2e3d126feb4e29978b0630d1f52efaebe25944717a', '2026-11-28 18:39:53.709049+00');
INSERT INTO public.schema_migration VALUES (6, '0006_images_checked', '4c9c1cb24a74210865c939a3a9f0fb2e918fdb213a75e46d4af6338234d0d96d', '2026-11-28 18:39:53.711663+00');
INSERT INTO public.schema_migration VALUES (7, '0007_assets_by_id', 'c4c8e63e8f15d5fb352cb3ff3158d729cf14cb597bff3e1fdb9645458111f1a5', '2026-11-28 18:39:53.712277+00');
INSERT INTO public.schema_migration VALUES (8, '0008_idempotency_keys', '76d96b3df2c014cdf2ccff4e55552fef98a6a338e94b1ed980050e8ede142cb4', '2026-11-28 18:39:53.712647+00');
INSERT INTO public.schema_migration VALUES (9, '0009_idempotency_keys_once', 'c95a89fd11a35c4fba42e60aec28e6ad4132b240912b7f86761b9c6b63fc71b6', '2026-11-28 18:39:53.714502+00');
INSERT INTO public.schema_migration VALUES (10, '0010_assets_by_tag', 'aef73f830dc90cd3bc83086d9bc341933d28f87a310465adfbce401b1139dc93', '2026-11-28 18:39:53.716085+00');
INSERT INTO public.schema_migration VALUES (11, '0011_assets_by_created_at', 'f9f29fb37bd95fd2fca9efb473327bacec7c56a46ab800ba94e17a8e3b671974', '2026-11-28 18:39:53.717382+00');
INSERT INTO public.schema_migration VALUES (20, '0020_cluster_comments', '3e1754f5776a613c09a80e69b467d447d69601b530ce7e280d164f58a3fd70db', '2026-11-28 18:39:53.717497+00');
INSERT INTO public.schema_migration VALUES (21, '0021_comments', '5891725f088bb57383480f5752c7ec25d97ef86af6e7ce5dc6c1fdd63d03fdd9', '2026-11-28 18:39:53.71781+00');
INSERT INTO public.schema_migration VALUES (22, '0022_newest_of_a_name', '5e3610d36afa808bbf488556d91fedb56a93c0ab6553674a1c0c53a407b84342', '2026-11-28 18:39:53.721508+00');

INSERT INTO public.space VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000001', 'robotics', '2026-11-24 15:42:31.05545+00');
INSERT INTO public.space VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01970000-000b-7000-8000-000000000002', 'Archive.2025', '2026-11-24 15:42:31.05545+00');
INSERT INTO public.space VALUES ('01a20e39-128b-7e63-aab3-521a71d6b749', '01a22374-e798-71dc-9771-c1270c1e51af', 'fleet', '2026-11-28 18:39:53.752356+00');

ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (namespace_id, asset_id);

COMMENT ON CONSTRAINT asset_pkey ON public.asset IS 'Serves asset/find_by_id and asset/insert, which finds its own row by it when it is sent again.';

ALTER TABLE ONLY public.episode
    ADD CONSTRAINT episode_name_key UNIQUE (namespace_id, name, space_id);

COMMENT ON CONSTRAINT episode_name_key ON public.episode IS 'Serves each statement with the parameter episode.';

ALTER TABLE ONLY public.episode
    ADD CONSTRAINT episode_pkey PRIMARY KEY (namespace_id, episode_id, space_id);

COMMENT ON CONSTRAINT episode_pkey ON public.episode IS 'Serves asset/find_by_id, asset/find_by_episode_name, asset/list_by_episode, asset/list_by_episode_created_at, asset/list_by_episode_folder_glob, asset/list_by_episode_glob, asset/list_by_episode_prefix and asset/list_by_episode_tag; node_episode_fkey and asset_episode_fkey.';

ALTER TABLE ONLY public.namespace_member
    ADD CONSTRAINT namespace_member_pkey PRIMARY KEY (namespace_id, subject);

COMMENT ON CONSTRAINT namespace_member_pkey ON public.namespace_member IS 'Serves each statement with the parameters namespace and subject.';

ALTER TABLE ONLY public.namespace
    ADD CONSTRAINT namespace_pkey PRIMARY KEY (namespace_id);

COMMENT ON CONSTRAINT namespace_pkey ON public.namespace IS 'Serves namespace/list_by_subject and asset/find_by_id; namespace_member_namespace_fkey and space_namespace_fkey.';

ALTER TABLE ONLY public.namespace
    ADD CONSTRAINT namespace_slug_key UNIQUE (slug);

COMMENT ON CONSTRAINT namespace_slug_key ON public.namespace IS 'Serves each statement with the parameter namespace.';

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_path_key UNIQUE (namespace_id, scope_id, path);

COMMENT ON CONSTRAINT node_path_key ON public.node IS 'Serves asset/insert, asset/insert_once, node/upsert and asset/list_by_episode_folder_glob.';

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (namespace_id, space_id, node_id);

COMMENT ON CONSTRAINT node_pkey ON public.node IS 'Serves asset/find_by_id; node_parent_fkey and asset_node_fkey.';

ALTER TABLE ONLY public.schema_migration
    ADD CONSTRAINT schema_migration_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.space
    ADD CONSTRAINT space_pkey PRIMARY KEY (namespace_id, space_id);

COMMENT ON CONSTRAINT space_pkey ON public.space IS 'Serves asset/find_by_id; episode_space_fkey, node_space_fkey and asset_space_fkey.';

ALTER TABLE ONLY public.space
    ADD CONSTRAINT space_slug_key UNIQUE (namespace_id, slug);

COMMENT ON CONSTRAINT space_slug_key ON public.space IS 'Serves each statement with the parameter project.';

CREATE INDEX asset_by_created_at ON public.asset USING btree (space_id, kind, created_at);

COMMENT ON INDEX public.asset_by_created_at IS 'Serves asset/list_by_created_at and asset/list_by_episode_created_at.';

CREATE INDEX asset_by_episode_name ON public.asset USING btree (namespace_id, episode_id, kind, name, asset_id) WHERE (episode_id IS NOT NULL);

COMMENT ON INDEX public.asset_by_episode_name IS 'Serves asset/list_by_episode, asset/list_by_episode_prefix, asset/list_by_episode_glob, asset/list_by_episode_folder_glob, asset/list_by_episode_tag and asset/list_by_episode_created_at.';

CREATE INDEX asset_by_episode_name_created_at ON public.asset USING btree (episode_id, kind, name, created_at, asset_id) WHERE ((episode_id IS NOT NULL) AND (name IS NOT NULL));

COMMENT ON INDEX public.asset_by_episode_name_created_at IS 'Serves asset/find_by_episode_name.';

CREATE UNIQUE INDEX asset_by_idempotency_key ON public.asset USING btree (namespace_id, idempotency_key) WHERE (idempotency_key IS NOT NULL);

COMMENT ON INDEX public.asset_by_idempotency_key IS 'Serves asset/insert_once: finds the asset of a key, and lets one of two requests with one key through.';

CREATE INDEX asset_by_space_name ON public.asset USING btree (namespace_id, space_id, kind, name, asset_id);

COMMENT ON INDEX public.asset_by_space_name IS 'Serves asset/list_by_project, asset/list_by_prefix, asset/list_by_glob, asset/list_by_folder_glob, asset/list_by_tag and asset/list_by_created_at.';

CREATE INDEX asset_by_space_name_created_at ON public.asset USING btree (space_id, kind, name, created_at, asset_id) WHERE (name IS NOT NULL);

COMMENT ON INDEX public.asset_by_space_name_created_at IS 'Serves asset/find_by_name.';

CREATE INDEX asset_by_tag ON public.asset USING gin (((ARRAY[(((space_id)::text || '/'::text) || kind)] || tags))) WITH (fastupdate=off) WHERE (tags <> '{}'::text[]);

COMMENT ON INDEX public.asset_by_tag IS 'Serves asset/list_by_tag and asset/list_by_episode_tag.';

CREATE INDEX namespace_member_by_subject ON public.namespace_member USING btree (subject);

COMMENT ON INDEX public.namespace_member_by_subject IS 'Serves namespace/list_by_subject, namespace_member/list_by_subject and asset/find_by_id.';

CREATE INDEX node_by_space_path ON public.node USING btree (space_id, path) INCLUDE (namespace_id);

COMMENT ON INDEX public.node_by_space_path IS 'Serves asset/list_by_folder_glob: finds the next distinct path, whatever the number of episodes that have it.';

ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_episode_fkey FOREIGN KEY (namespace_id, space_id, episode_id) REFERENCES public.episode(namespace_id, space_id, episode_id);

ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_node_fkey FOREIGN KEY (namespace_id, space_id, node_id) REFERENCES public.node(namespace_id, space_id, node_id);

ALTER TABLE ONLY public.asset
    ADD CONSTRAINT asset_space_fkey FOREIGN KEY (namespace_id, space_id) REFERENCES public.space(namespace_id, space_id);

ALTER TABLE ONLY public.episode
    ADD CONSTRAINT episode_space_fkey FOREIGN KEY (namespace_id, space_id) REFERENCES public.space(namespace_id, space_id);

ALTER TABLE ONLY public.namespace_member
    ADD CONSTRAINT namespace_member_namespace_fkey FOREIGN KEY (namespace_id) REFERENCES public.namespace(namespace_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_episode_fkey FOREIGN KEY (namespace_id, space_id, episode_id) REFERENCES public.episode(namespace_id, space_id, episode_id);

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_parent_fkey FOREIGN KEY (namespace_id, space_id, parent_id) REFERENCES public.node(namespace_id, space_id, node_id);

ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_space_fkey FOREIGN KEY (namespace_id, space_id) REFERENCES public.space(namespace_id, space_id);

ALTER TABLE ONLY public.space
    ADD CONSTRAINT space_namespace_fkey FOREIGN KEY (namespace_id) REFERENCES public.namespace(namespace_id);
