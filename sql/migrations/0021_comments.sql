-- What: rewrites the comments of the schema; those of indexes name the statements and the foreign keys
--       that each one serves.
-- Why:  several named too few, or "every statement". Now a test compares them with the heads of the
--       files, in both directions; a comment lists its statements, or tells them by their parameters.
--       The other comments say the same as before, in plainer words.

COMMENT ON TABLE schema_migration IS 'The migrations that this database has: a row for each file of sql/migrations.';
COMMENT ON COLUMN schema_migration.version IS 'The number at the beginning of the file name.';
COMMENT ON COLUMN schema_migration.name IS 'The file name without .sql.';
COMMENT ON COLUMN schema_migration.checksum IS
'SHA-256 of the file; dreamlake-assets migrate refuses a file that was changed later.';

COMMENT ON TABLE namespace_member IS 'The members of namespaces, with their roles.';
COMMENT ON COLUMN namespace_member.subject IS 'The claim "sub" in the tokens of the member.';
COMMENT ON COLUMN namespace_member.role IS 'reader: lists and downloads; writer: also registers.';
COMMENT ON COLUMN episode.name IS 'May contain slashes, such as 2026/q1/run-042; these are not folders.';
COMMENT ON TABLE node IS 'A folder of an episode, or of a project for assets without an episode.';
COMMENT ON COLUMN node.scope_id IS
'The episode of the folder, or its project if it has no episode. Never null, so that keys can contain it.';
COMMENT ON COLUMN node.parent_id IS 'The folder that contains this one; null for a folder at the root.';
COMMENT ON COLUMN node.path IS 'The full path, such as /camera/front.';
COMMENT ON COLUMN asset.node_id IS
'The innermost folder; null for an asset at the root, and for one without a name.';
COMMENT ON COLUMN asset.asset_id IS 'UUIDv7, made by the service: the greater of two ids was registered later.';
COMMENT ON COLUMN asset.name IS
'The full path, such as /camera/front/run01.mp4; null for an asset without a name.';
COMMENT ON COLUMN asset.idempotency_key IS
'The Idempotency-Key of the request, unique in its namespace and kept for good; null for a request without one.';
COMMENT ON COLUMN asset.request_digest IS
'SHA-256 of the kind and the body of a request with a key; another request with this key is refused.';

COMMENT ON CONSTRAINT namespace_pkey ON namespace IS
'Serves namespace/list_by_subject and asset/find_by_id; namespace_member_namespace_fkey and space_namespace_fkey.';
COMMENT ON CONSTRAINT namespace_slug_key ON namespace IS
'Serves each statement with the parameter namespace.';

COMMENT ON CONSTRAINT namespace_member_pkey ON namespace_member IS
'Serves each statement with the parameters namespace and subject.';
COMMENT ON INDEX namespace_member_by_subject IS
'Serves namespace/list_by_subject, namespace_member/list_by_subject and asset/find_by_id.';

COMMENT ON CONSTRAINT space_pkey ON space IS
'Serves asset/find_by_id; episode_space_fkey, node_space_fkey and asset_space_fkey.';
COMMENT ON CONSTRAINT space_slug_key ON space IS
'Serves each statement with the parameter project.';

COMMENT ON CONSTRAINT episode_pkey ON episode IS
'Serves asset/find_by_id, asset/find_by_episode_name, asset/list_by_episode, asset/list_by_episode_created_at, '
'asset/list_by_episode_folder_glob, asset/list_by_episode_glob, asset/list_by_episode_prefix and '
'asset/list_by_episode_tag; node_episode_fkey and asset_episode_fkey.';
COMMENT ON CONSTRAINT episode_name_key ON episode IS
'Serves each statement with the parameter episode.';

COMMENT ON CONSTRAINT node_pkey ON node IS
'Serves asset/find_by_id; node_parent_fkey and asset_node_fkey.';
COMMENT ON CONSTRAINT node_path_key ON node IS
'Serves asset/insert, asset/insert_once, node/upsert and asset/list_by_episode_folder_glob.';
COMMENT ON INDEX node_by_space_path IS
'Serves asset/list_by_folder_glob: finds the next distinct path, whatever the number of episodes that have it.';

COMMENT ON CONSTRAINT asset_pkey ON asset IS
'Serves asset/find_by_id and asset/insert, which finds its own row by it when it is sent again.';
COMMENT ON INDEX asset_by_space_name IS
'Serves asset/find_by_name, asset/list_by_project, asset/list_by_prefix, asset/list_by_glob, '
'asset/list_by_folder_glob, asset/list_by_tag and asset/list_by_created_at.';
COMMENT ON INDEX asset_by_episode_name IS
'Serves asset/find_by_episode_name, asset/list_by_episode, asset/list_by_episode_prefix, '
'asset/list_by_episode_glob, asset/list_by_episode_folder_glob, asset/list_by_episode_tag and '
'asset/list_by_episode_created_at.';
COMMENT ON INDEX asset_by_idempotency_key IS
'Serves asset/insert_once: finds the asset of a key, and lets one of two requests with one key through.';
COMMENT ON INDEX asset_by_tag IS
'Serves asset/list_by_tag and asset/list_by_episode_tag.';
COMMENT ON INDEX asset_by_created_at IS
'Serves asset/list_by_created_at and asset/list_by_episode_created_at.';
