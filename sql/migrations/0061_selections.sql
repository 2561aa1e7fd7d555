-- What: a comment that names the statement which selects assets to delete.
-- Why:  the comment of an index names each statement that it serves.

COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/delete, asset/delete_many, asset/find_by_id, asset/find_expired, asset/find_many, asset/find_namespace, '
'asset/purge, asset/restore, asset/restore_many, asset/update, asset/view_full, asset/view_item and '
'asset/view_revision; asset/insert and asset/insert_many, which find their own rows by it when they are sent again.';
