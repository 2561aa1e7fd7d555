-- What: finds deleted assets by the time of their deletion.
-- Why:  `dreamlake-assets purge` removes the oldest first. The index is partial, so a live asset has
--       no entry in it.
-- transaction: none

DROP INDEX CONCURRENTLY IF EXISTS asset_by_deleted_at;

CREATE INDEX CONCURRENTLY asset_by_deleted_at
ON asset (deleted_at, asset_id)
WHERE deleted_at IS NOT NULL;

COMMENT ON INDEX asset_by_deleted_at IS 'Serves asset/find_expired.';

COMMENT ON CONSTRAINT namespace_pkey ON namespace IS
'Serves namespace/list_by_subject, asset/find_by_id and asset/find_expired; namespace_member_namespace_fkey and '
'space_namespace_fkey.';
COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/find_by_id, asset/find_expired, asset/find_namespace and asset/purge; asset/insert and '
'asset/insert_many, which find their own rows by it when they are sent again.';
COMMENT ON COLUMN asset.idempotency_key IS
'The Idempotency-Key of the request, unique in its namespace and kept until the asset is purged; null for a request '
'without one.';
