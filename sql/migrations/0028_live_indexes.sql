-- What: the indexes of lists and of the newest asset of a name, with live assets only.
-- Why:  deleted assets stay in the table. An index that has them makes a page after a mass deletion
--       read all of them. Statements that know no deletions, of 0.2, use the old indexes, which
--       `dreamlake-assets migrate --finish` drops.
--       num_nulls(deleted_at) = 1 and num_nonnulls(deleted_at) = 0 say the same as deleted_at IS NULL,
--       but the planner does not know it.
--       So each statement can be planned with the indexes meant for it only: lists by name with none
--       that contains created_at, which would read and sort all assets of a kind, and lists by tag
--       with none by name.
-- transaction: none

DROP INDEX CONCURRENTLY IF EXISTS asset_live_by_space_name;

CREATE INDEX CONCURRENTLY asset_live_by_space_name
ON asset (namespace_id, space_id, kind, name, asset_id)
WHERE deleted_at IS NULL;

COMMENT ON INDEX asset_live_by_space_name IS
'Serves asset/list_by_project, asset/list_by_prefix, asset/list_by_glob, asset/list_by_folder_glob, '
'asset/list_by_tag and asset/list_by_created_at.';

DROP INDEX CONCURRENTLY IF EXISTS asset_live_by_episode_name;

CREATE INDEX CONCURRENTLY asset_live_by_episode_name
ON asset (namespace_id, episode_id, kind, name, asset_id)
WHERE episode_id IS NOT NULL AND deleted_at IS NULL;

COMMENT ON INDEX asset_live_by_episode_name IS
'Serves asset/list_by_episode, asset/list_by_episode_prefix, asset/list_by_episode_glob, '
'asset/list_by_episode_folder_glob, asset/list_by_episode_tag and asset/list_by_episode_created_at.';

DROP INDEX CONCURRENTLY IF EXISTS asset_live_by_space_name_created_at;

CREATE INDEX CONCURRENTLY asset_live_by_space_name_created_at
ON asset (space_id, kind, name, created_at, asset_id)
WHERE name IS NOT NULL AND num_nonnulls(deleted_at) = 0;

COMMENT ON INDEX asset_live_by_space_name_created_at IS 'Serves asset/find_by_name.';

DROP INDEX CONCURRENTLY IF EXISTS asset_live_by_episode_name_created_at;

CREATE INDEX CONCURRENTLY asset_live_by_episode_name_created_at
ON asset (episode_id, kind, name, created_at, asset_id)
WHERE episode_id IS NOT NULL AND name IS NOT NULL AND num_nonnulls(deleted_at) = 0;

COMMENT ON INDEX asset_live_by_episode_name_created_at IS 'Serves asset/find_by_episode_name.';

DROP INDEX CONCURRENTLY IF EXISTS asset_live_by_tag;

CREATE INDEX CONCURRENTLY asset_live_by_tag
ON asset USING gin ((ARRAY[space_id::text || '/' || kind] || tags)) WITH (fastupdate = off)
WHERE tags <> '{}' AND num_nulls(deleted_at) = 1;

COMMENT ON INDEX asset_live_by_tag IS 'Serves asset/list_by_tag and asset/list_by_episode_tag.';

DROP INDEX CONCURRENTLY IF EXISTS asset_live_by_created_at;

CREATE INDEX CONCURRENTLY asset_live_by_created_at
ON asset (space_id, kind, created_at)
WHERE num_nonnulls(deleted_at) = 0;

COMMENT ON INDEX asset_live_by_created_at IS
'Serves asset/list_by_created_at and asset/list_by_episode_created_at.';
