-- What: a comment that names the statements which change many assets.
-- Why:  the comment of an index names each statement that it serves.

COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/find_by_id, asset/find_expired, asset/find_many, asset/find_namespace, asset/purge, asset/delete, '
'asset/delete_many, asset/restore, asset/restore_many and asset/update; asset/insert and asset/insert_many, which find '
'their own rows by it when they are sent again.';
