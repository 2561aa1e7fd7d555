-- What: the index of lists by time.
-- Why:  createdAfter and createdBefore are a range of it.
-- transaction: none

DROP INDEX CONCURRENTLY IF EXISTS asset_by_created_at;

CREATE INDEX CONCURRENTLY asset_by_created_at ON asset (space_id, kind, created_at);

COMMENT ON INDEX asset_by_created_at IS 'Serves asset/list_by_created_at and asset/list_by_episode_created_at.';
