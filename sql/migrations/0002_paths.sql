-- What: what an asset is filed under: a project (table space), an episode, and folders (table node).
-- Why:  the rows of these tables are read by every registration and written only when new. Nothing
--       ever updates them, so writers below the same parent do not wait for each other.
--
--       The planner must never take one index of a table for another. It takes columns for
--       independent, so it expects one row of namespace_id and space_id together, and would as soon
--       read every episode of a project as look one up; in the checks of foreign keys, too, at each
--       registration. So the indexes of a table differ in their first or second column, and
--       n_distinct says that a namespace has all rows: plans are made for the largest.

CREATE TABLE space (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    slug text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT space_pkey PRIMARY KEY (namespace_id, space_id),
    CONSTRAINT space_slug_key UNIQUE (namespace_id, slug),
    CONSTRAINT space_namespace_fkey FOREIGN KEY (namespace_id) REFERENCES namespace (namespace_id),
    CONSTRAINT space_slug_is_a_slug CHECK (slug ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$')
);

ALTER TABLE space ALTER COLUMN namespace_id SET (n_distinct = 1);

COMMENT ON TABLE space IS 'A project. The API calls it "project", older clients call it "space".';
COMMENT ON COLUMN space.slug IS 'The name of the project in requests; unique in its namespace, case-sensitive.';
COMMENT ON CONSTRAINT space_pkey ON space IS 'Serves the foreign keys of episode, node and asset.';
COMMENT ON CONSTRAINT space_slug_key ON space IS 'Serves every statement below a project.';

CREATE TABLE episode (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    episode_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT episode_pkey PRIMARY KEY (namespace_id, episode_id, space_id),
    CONSTRAINT episode_name_key UNIQUE (namespace_id, name, space_id),
    CONSTRAINT episode_space_fkey FOREIGN KEY (namespace_id, space_id)
    REFERENCES space (namespace_id, space_id),
    CONSTRAINT episode_name_has_1_to_512_characters CHECK (length(name) BETWEEN 1 AND 512)
);

ALTER TABLE episode ALTER COLUMN namespace_id SET (n_distinct = 1);

COMMENT ON TABLE episode IS 'One recording session in a project.';
COMMENT ON COLUMN episode.name IS 'May hold slashes, such as 2026/q1/run-042; they make no folders.';
COMMENT ON CONSTRAINT episode_pkey ON episode IS 'Serves every statement that takes an episodeId, and foreign keys.';
COMMENT ON CONSTRAINT episode_name_key ON episode IS 'Serves every statement that takes the name of an episode.';

CREATE TABLE node (
    namespace_id uuid NOT NULL,
    space_id uuid NOT NULL,
    episode_id uuid,
    -- Never null, unlike episode_id, so that a unique key and an index can hold it: the same folder
    -- stands in every episode of a project, and once more beside the episodes.
    scope_id uuid NOT NULL GENERATED ALWAYS AS (coalesce(episode_id, space_id)) STORED,
    node_id uuid NOT NULL,
    parent_id uuid,
    path text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT node_pkey PRIMARY KEY (namespace_id, space_id, node_id),
    CONSTRAINT node_path_key UNIQUE (namespace_id, scope_id, path),
    CONSTRAINT node_space_fkey FOREIGN KEY (namespace_id, space_id)
    REFERENCES space (namespace_id, space_id),
    CONSTRAINT node_episode_fkey FOREIGN KEY (namespace_id, space_id, episode_id)
    REFERENCES episode (namespace_id, space_id, episode_id),
    CONSTRAINT node_parent_fkey FOREIGN KEY (namespace_id, space_id, parent_id)
    REFERENCES node (namespace_id, space_id, node_id),
    CONSTRAINT node_path_begins_with_a_slash CHECK (path LIKE '/_%')
);

ALTER TABLE node ALTER COLUMN namespace_id SET (n_distinct = 1);

COMMENT ON TABLE node IS 'A folder of an episode, or of a project where no episode is given.';
COMMENT ON COLUMN node.scope_id IS 'What the folder stands in: its episode, else its project.';
COMMENT ON COLUMN node.parent_id IS 'The folder that holds this one; null for a folder at the root.';
COMMENT ON COLUMN node.path IS 'The whole path, such as /camera/front.';
COMMENT ON CONSTRAINT node_pkey ON node IS 'Serves the foreign keys of node and asset.';
COMMENT ON CONSTRAINT node_path_key ON node IS
'Serves asset/insert, node/upsert and asset/list_by_episode_folder_glob: one folder of one scope.';

CREATE INDEX node_by_space_path ON node (space_id, path) INCLUDE (namespace_id);

COMMENT ON INDEX node_by_space_path IS
'Serves asset/list_by_folder_glob: hops from one distinct path to the next, whatever the number of episodes.';
