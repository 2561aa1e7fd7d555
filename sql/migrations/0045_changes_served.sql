-- What: adds asset/delete, asset/restore and asset/update to the comments of the indexes that serve them.
-- Why:  the comment of an index names each statement that uses it.

COMMENT ON CONSTRAINT namespace_pkey ON namespace IS
'Serves namespace/list_by_subject, asset/find_by_id, asset/find_expired, asset/restore and asset/update; '
'namespace_member_namespace_fkey and space_namespace_fkey.';
COMMENT ON INDEX namespace_member_by_subject IS
'Serves namespace/list_by_subject, namespace_member/list_by_subject, asset/find_by_id, asset/delete, '
'asset/restore and asset/update.';
COMMENT ON CONSTRAINT space_pkey ON space IS
'Serves asset/find_by_id, asset/restore and asset/update; episode_space_fkey, node_space_fkey and '
'asset_space_fkey.';
COMMENT ON CONSTRAINT episode_pkey ON episode IS
'Serves asset/find_by_id, asset/find_many, asset/restore, asset/update, asset/find_by_episode_name, '
'asset/list_by_episode, '
'asset/list_by_episode_created_at, asset/list_by_episode_folder_glob, asset/list_by_episode_glob, '
'asset/list_by_episode_prefix, asset/list_by_episode_tag and node/list_by_episode; '
'node_episode_fkey and asset_episode_fkey.';
COMMENT ON CONSTRAINT node_pkey ON node IS
'Serves asset/find_by_id, asset/restore and asset/update; node_parent_fkey and asset_node_fkey.';
COMMENT ON CONSTRAINT node_path_key ON node IS
'Serves asset/insert, asset/insert_once, asset/insert_many, asset/find_batch, asset/update, node/upsert, '
'node/upsert_many, node/list_by_episode and asset/list_by_episode_folder_glob.';
COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/find_by_id, asset/find_expired, asset/find_many, asset/find_namespace, asset/purge, asset/delete, '
'asset/restore and asset/update; asset/insert and asset/insert_many, which find their own rows by it when they '
'are sent again.';
