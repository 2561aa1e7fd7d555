-- What: an index of the episodes of a project by name, and comments that name the statements that list
--       projects, episodes and folders.
-- Why:  episode_name_key has the project last, so the episodes of one project are not a range of it.
--       Every name is above ''. Only a statement that says so may use the index: without the
--       condition, the planner takes it for the lookup of an episode by its id, too, and reads all
--       episodes of the project.
-- transaction: none

DROP INDEX CONCURRENTLY IF EXISTS episode_by_name;

CREATE INDEX CONCURRENTLY episode_by_name ON episode (namespace_id, space_id, name) WHERE name > '';

COMMENT ON INDEX episode_by_name IS 'Serves episode/list_by_project.';

COMMENT ON CONSTRAINT space_slug_key ON space IS
'Serves space/list_by_namespace and each statement with the parameter project.';
COMMENT ON CONSTRAINT episode_pkey ON episode IS
'Serves asset/find_by_id, asset/find_by_episode_name, asset/list_by_episode, asset/list_by_episode_created_at, '
'asset/list_by_episode_folder_glob, asset/list_by_episode_glob, asset/list_by_episode_prefix, '
'asset/list_by_episode_tag and node/list_by_episode; node_episode_fkey and asset_episode_fkey.';
COMMENT ON CONSTRAINT node_path_key ON node IS
'Serves asset/insert, asset/insert_once, node/upsert, node/list_by_episode and asset/list_by_episode_folder_glob.';
COMMENT ON INDEX node_by_space_path IS
'Serves asset/list_by_folder_glob and node/list_by_project: finds the next distinct path, whatever the number of '
'episodes that have it.';
