-- What: names the statements and the foreign keys that each index serves.
-- Why:  several comments named too few, or "every statement". Statements are named, or told by their
--       parameters; a test compares that with the heads of the files, in both directions.

COMMENT ON CONSTRAINT namespace_pkey ON namespace IS
'Serves namespace/list_by_subject and asset/find_by_id; namespace_member_namespace_fkey and space_namespace_fkey.';
COMMENT ON CONSTRAINT namespace_slug_key ON namespace IS
'Serves each statement with the parameter namespace.';

COMMENT ON CONSTRAINT namespace_member_pkey ON namespace_member IS
'Serves each statement with the parameters namespace and subject.';
COMMENT ON INDEX namespace_member_by_subject IS
'Serves namespace/list_by_subject, namespace_member/list_by_subject and asset/find_by_id.';

COMMENT ON CONSTRAINT space_pkey ON space IS
'Serves asset/find_by_id; episode_space_fkey, node_space_fkey and asset_space_fkey.';
COMMENT ON CONSTRAINT space_slug_key ON space IS
'Serves each statement with the parameter project.';

COMMENT ON CONSTRAINT episode_pkey ON episode IS
'Serves asset/find_by_id, asset/find_by_episode_name, asset/list_by_episode, asset/list_by_episode_created_at, '
'asset/list_by_episode_folder_glob, asset/list_by_episode_glob, asset/list_by_episode_prefix and '
'asset/list_by_episode_tag; node_episode_fkey and asset_episode_fkey.';
COMMENT ON CONSTRAINT episode_name_key ON episode IS
'Serves each statement with the parameter episode.';

COMMENT ON CONSTRAINT node_pkey ON node IS
'Serves asset/find_by_id; node_parent_fkey and asset_node_fkey.';
COMMENT ON CONSTRAINT node_path_key ON node IS
'Serves asset/insert, asset/insert_once, node/upsert and asset/list_by_episode_folder_glob.';
COMMENT ON INDEX node_by_space_path IS
'Serves asset/list_by_folder_glob: finds the next distinct path, whatever the number of episodes that have it.';

COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/find_by_id and asset/insert, which finds its own row by it when it is sent again.';
COMMENT ON INDEX asset_by_space_name IS
'Serves asset/find_by_name, asset/list_by_project, asset/list_by_prefix, asset/list_by_glob, '
'asset/list_by_folder_glob, asset/list_by_tag and asset/list_by_created_at.';
COMMENT ON INDEX asset_by_episode_name IS
'Serves asset/find_by_episode_name, asset/list_by_episode, asset/list_by_episode_prefix, '
'asset/list_by_episode_glob, asset/list_by_episode_folder_glob, asset/list_by_episode_tag and '
'asset/list_by_episode_created_at.';
COMMENT ON INDEX asset_by_idempotency_key IS
'Serves asset/insert_once: finds the asset of a key, and lets one of two requests with one key through.';
COMMENT ON INDEX asset_by_tag IS
'Serves asset/list_by_tag and asset/list_by_episode_tag.';
COMMENT ON INDEX asset_by_created_at IS
'Serves asset/list_by_created_at and asset/list_by_episode_created_at.';
