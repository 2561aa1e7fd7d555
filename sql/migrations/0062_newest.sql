-- What: comments without the statements that asset/find_many replaces.
-- Why:  the comment of an index names each statement that it serves.

COMMENT ON INDEX asset_live_by_episode_name_created_at IS 'Serves asset/find_many.';
COMMENT ON INDEX asset_live_by_space_name_created_at IS 'Serves asset/find_many.';
COMMENT ON CONSTRAINT episode_pkey ON episode IS
'Serves each statement with the parameters kinds and episode_ids; asset/find_by_id, asset/find_many, '
'asset/list_by_episode, asset/list_by_episode_created_at, asset/list_by_episode_folder_glob, '
'asset/list_by_episode_glob, asset/list_by_episode_prefix, asset/list_by_episode_tag, asset/restore, asset/update, '
'asset/view_full and node/list_by_episode; node_episode_fkey and asset_episode_fkey.';
