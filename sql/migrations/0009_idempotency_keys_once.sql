-- What: the index that registers a request with an Idempotency-Key once.
-- Why:  it is partial, so an asset without a key has no entry in it.
-- transaction: none

DROP INDEX CONCURRENTLY IF EXISTS asset_by_idempotency_key;

CREATE UNIQUE INDEX CONCURRENTLY asset_by_idempotency_key
ON asset (namespace_id, idempotency_key)
WHERE idempotency_key IS NOT NULL;

COMMENT ON INDEX asset_by_idempotency_key IS
'Serves asset/insert_once: finds what was registered under a key, and lets one of two at once through.';
