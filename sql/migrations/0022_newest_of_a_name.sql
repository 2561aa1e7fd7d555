-- What: two indexes that find the newest asset of a name, in a project and in an episode, and comments
--       that name them.
-- Why:  the greatest id of a name need not be the newest asset: ids are made by the clocks of several
--       machines, created_at by the clock of the database. Each index ends in (created_at, asset_id),
--       so that the newest is its last entry for the name. Without asset_id a plan may sort all
--       entries of a name. Without namespace_id an entry is 16 bytes shorter. An asset without a
--       name, which cannot be looked up by name, has no entry.
-- transaction: none

DROP INDEX CONCURRENTLY IF EXISTS asset_by_space_name_created_at;
DROP INDEX CONCURRENTLY IF EXISTS asset_by_episode_name_created_at;

CREATE INDEX CONCURRENTLY asset_by_space_name_created_at
ON asset (space_id, kind, name, created_at, asset_id)
WHERE name IS NOT NULL;

CREATE INDEX CONCURRENTLY asset_by_episode_name_created_at
ON asset (episode_id, kind, name, created_at, asset_id)
WHERE episode_id IS NOT NULL AND name IS NOT NULL;

COMMENT ON INDEX asset_by_space_name_created_at IS 'Serves asset/find_by_name.';
COMMENT ON INDEX asset_by_episode_name_created_at IS 'Serves asset/find_by_episode_name.';

COMMENT ON INDEX asset_by_space_name IS
'Serves asset/list_by_project, asset/list_by_prefix, asset/list_by_glob, asset/list_by_folder_glob, '
'asset/list_by_tag and asset/list_by_created_at.';
COMMENT ON INDEX asset_by_episode_name IS
'Serves asset/list_by_episode, asset/list_by_episode_prefix, asset/list_by_episode_glob, '
'asset/list_by_episode_folder_glob, asset/list_by_episode_tag and asset/list_by_episode_created_at.';

COMMENT ON COLUMN asset.asset_id IS
'UUIDv7, made by the service. Its order is that of the clocks of several machines.';
COMMENT ON COLUMN asset.created_at IS
'Set by the database. The newest asset of a name has the greatest created_at, and of equal times the greatest id.';
