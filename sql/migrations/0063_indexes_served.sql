-- What: names in the comment of each older index the statements of this release that it serves.
-- Why:  the comment of an index names each statement that uses it. The comments of new indexes are in
--       the migrations that make them.

COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/delete, asset/delete_many, asset/find_by_id, asset/find_expired, asset/find_many, asset/find_namespace, '
'asset/purge, asset/restore, asset/restore_many, asset/update, asset/view_full, asset/view_item and '
'asset/view_revision; asset/insert and asset/insert_many, which find their own rows by it when they are sent again.';
COMMENT ON CONSTRAINT episode_pkey ON episode IS
'Serves each statement with the parameters kinds and episode_ids; asset/find_by_id, asset/find_many, '
'asset/list_by_episode, asset/list_by_episode_created_at, asset/list_by_episode_folder_glob, '
'asset/list_by_episode_glob, asset/list_by_episode_prefix, asset/list_by_episode_tag, asset/restore, asset/update, '
'asset/view_full and node/list_by_episode; node_episode_fkey and asset_episode_fkey.';
COMMENT ON CONSTRAINT namespace_pkey ON namespace IS
'Serves namespace/list_by_subject, asset/find_by_id, asset/find_expired, asset/restore and asset/update; '
'namespace_member_namespace_fkey and space_namespace_fkey.';
COMMENT ON CONSTRAINT space_pkey ON space IS
'Serves asset/find_by_id, asset/restore and asset/update; episode_space_fkey, node_space_fkey and '
'asset_space_fkey.';
COMMENT ON INDEX asset_by_idempotency_key IS
'Serves asset/insert_once, asset/insert_many and asset/find_batch: finds the asset of a key, and lets one of two '
'requests with one key through.';
COMMENT ON INDEX asset_live_by_episode_name_created_at IS 'Serves asset/find_many.';
COMMENT ON INDEX asset_live_by_space_name_created_at IS 'Serves asset/find_many.';
COMMENT ON INDEX namespace_member_by_subject IS
'Serves namespace/list_by_subject, namespace_member/list_by_subject, asset/find_by_id, asset/delete, '
'asset/restore and asset/update.';
