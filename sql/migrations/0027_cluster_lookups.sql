-- What: says of an index that it serves asset/find_namespace, too.
-- Why:  on a Citus cluster one statement finds the namespace of an asset.

COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/find_by_id, asset/find_namespace and asset/insert, which finds its own row by it when it is sent again.';
