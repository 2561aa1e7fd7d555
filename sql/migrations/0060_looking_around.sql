-- What: indexes of the digests of live assets and of deleted assets by name, and comments that name the
--       statements of all kinds.
-- Why:  an upload asks by digest what is there already; deleted assets are in no other index of lists.
--       num_nonnulls(deleted_at) = 1 says the same as deleted_at IS NOT NULL, but the planner does not
--       know it: purging would otherwise be planned with these indexes.
-- transaction: none

DROP INDEX CONCURRENTLY IF EXISTS asset_live_by_sha256;

CREATE INDEX CONCURRENTLY asset_live_by_sha256
ON asset (space_id, sha256)
WHERE sha256 IS NOT NULL AND deleted_at IS NULL;

COMMENT ON INDEX asset_live_by_sha256 IS 'Serves asset/keys_by_digest.';

DROP INDEX CONCURRENTLY IF EXISTS asset_deleted_by_space_name;

CREATE INDEX CONCURRENTLY asset_deleted_by_space_name
ON asset (namespace_id, space_id, kind, name, asset_id)
WHERE num_nonnulls(deleted_at) = 1;

COMMENT ON INDEX asset_deleted_by_space_name IS 'Serves asset/keys_by_deleted.';

DROP INDEX CONCURRENTLY IF EXISTS asset_deleted_by_episode_name;

CREATE INDEX CONCURRENTLY asset_deleted_by_episode_name
ON asset (namespace_id, episode_id, kind, name, asset_id)
WHERE episode_id IS NOT NULL AND num_nonnulls(deleted_at) = 1;

COMMENT ON INDEX asset_deleted_by_episode_name IS 'Serves asset/keys_by_episode_deleted.';

COMMENT ON INDEX asset_live_by_created_at IS
'Serves asset/keys_by_created_at, asset/keys_by_episode_created_at, asset/list_by_created_at and '
'asset/list_by_episode_created_at.';
COMMENT ON INDEX asset_live_by_episode_name IS
'Serves asset/keys_by_episode, asset/keys_by_episode_created_at, asset/keys_by_episode_folder_glob, '
'asset/keys_by_episode_tag, asset/list_by_episode, asset/list_by_episode_created_at, '
'asset/list_by_episode_folder_glob, asset/list_by_episode_glob, asset/list_by_episode_prefix, '
'asset/list_by_episode_tag and asset/stream_by_episode.';
COMMENT ON INDEX asset_live_by_episode_name_created_at IS
'Serves asset/find_by_episode_name, asset/find_many and asset/newest_by_episode_name.';
COMMENT ON INDEX asset_live_by_space_name IS
'Serves asset/keys_by_created_at, asset/keys_by_folder_glob, asset/keys_by_project, asset/keys_by_tag, '
'asset/list_by_created_at, asset/list_by_folder_glob, asset/list_by_glob, asset/list_by_prefix, '
'asset/list_by_project, asset/list_by_tag and asset/stream_by_project.';
COMMENT ON INDEX asset_live_by_space_name_created_at IS
'Serves asset/find_by_name, asset/find_many and asset/newest_by_name.';
COMMENT ON INDEX asset_live_by_tag IS
'Serves asset/keys_by_episode_tag, asset/keys_by_tag, asset/list_by_episode_tag and asset/list_by_tag.';
COMMENT ON CONSTRAINT episode_name_key ON episode IS
'Serves each statement with the parameter episode; each statement with the parameters kinds and episode_ids; '
'asset/find_batch, asset/insert_many, episode/upsert_many and node/upsert_many.';
COMMENT ON CONSTRAINT episode_pkey ON episode IS
'Serves each statement with the parameters kinds and episode_ids; asset/find_by_episode_name, asset/find_by_id, '
'asset/find_many, asset/list_by_episode, asset/list_by_episode_created_at, asset/list_by_episode_folder_glob, '
'asset/list_by_episode_glob, asset/list_by_episode_prefix, asset/list_by_episode_tag, asset/restore, '
'asset/update, asset/view_full and node/list_by_episode; node_episode_fkey and asset_episode_fkey.';
COMMENT ON CONSTRAINT node_path_key ON node IS
'Serves asset/find_batch, asset/insert, asset/insert_many, asset/insert_once, asset/keys_by_episode_folder_glob, '
'asset/list_by_episode_folder_glob, asset/update, node/list_by_episode, node/upsert and node/upsert_many.';
COMMENT ON CONSTRAINT node_pkey ON node IS
'Serves asset/find_by_id, asset/restore, asset/update and asset/view_full; node_parent_fkey and asset_node_fkey.';
COMMENT ON INDEX node_by_space_path IS
'Serves asset/keys_by_folder_glob, asset/list_by_folder_glob and node/list_by_project: finds the next distinct '
'path, whatever the number of episodes that have it.';
COMMENT ON CONSTRAINT space_slug_key ON space IS
'Serves space/list_by_namespace and each statement with the parameters subject and project.';
COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/delete, asset/delete_many, asset/find_by_id, asset/find_expired, asset/find_many, '
'asset/find_namespace, asset/purge, asset/restore, asset/restore_many, asset/update, asset/view_full and '
'asset/view_item; asset/insert and asset/insert_many, which find their own rows by it when they are sent again.';
