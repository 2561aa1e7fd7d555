-- What: comments that name the statements of batches.
-- Why:  the comment of an index names each statement that it serves.

COMMENT ON CONSTRAINT episode_name_key ON episode IS
'Serves each statement with the parameter episode; asset/insert_many, asset/find_batch, episode/upsert_many and '
'node/upsert_many.';
COMMENT ON CONSTRAINT node_path_key ON node IS
'Serves asset/insert, asset/insert_once, asset/insert_many, asset/find_batch, node/upsert, node/upsert_many, '
'node/list_by_episode and asset/list_by_episode_folder_glob.';
COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/find_by_id and asset/find_namespace; asset/insert and asset/insert_many, which find their own rows by it '
'when they are sent again.';
COMMENT ON INDEX asset_by_idempotency_key IS
'Serves asset/insert_once, asset/insert_many and asset/find_batch: finds the asset of a key, and lets one of two '
'requests with one key through.';
