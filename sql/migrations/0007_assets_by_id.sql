-- What: says of two indexes that they serve GET /assets/<kind>/<id>, too.
-- Why:  the asset is looked for in each namespace of the subject; no index is added for it.

COMMENT ON INDEX namespace_member_by_subject IS 'Serves namespace/list_by_subject and asset/find_by_id.';
COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/insert: a statement sent again finds its own row; and asset/find_by_id.';
