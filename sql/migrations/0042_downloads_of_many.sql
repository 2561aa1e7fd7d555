-- What: adds asset/find_many to the comments of the indexes that serve it.
-- Why:  the comment of an index names each statement that uses it.

COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/find_by_id, asset/find_expired, asset/find_many, asset/find_namespace and asset/purge; asset/insert and '
'asset/insert_many, which find their own rows by it when they are sent again.';
COMMENT ON INDEX asset_live_by_space_name_created_at IS 'Serves asset/find_by_name and asset/find_many.';
COMMENT ON INDEX asset_live_by_episode_name_created_at IS 'Serves asset/find_by_episode_name and asset/find_many.';
COMMENT ON CONSTRAINT episode_pkey ON episode IS
'Serves asset/find_by_id, asset/find_by_episode_name, asset/find_many, asset/list_by_episode, '
'asset/list_by_episode_created_at, asset/list_by_episode_folder_glob, asset/list_by_episode_glob, '
'asset/list_by_episode_prefix, asset/list_by_episode_tag and node/list_by_episode; node_episode_fkey and '
'asset_episode_fkey.';
