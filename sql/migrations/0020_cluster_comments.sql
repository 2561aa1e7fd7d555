-- What: says of an index that it serves namespace_member/list_by_subject, too.
-- Why:  on a Citus cluster an asset is looked for in one namespace after the other.

COMMENT ON INDEX namespace_member_by_subject IS
'Serves namespace/list_by_subject, namespace_member/list_by_subject and asset/find_by_id.';
