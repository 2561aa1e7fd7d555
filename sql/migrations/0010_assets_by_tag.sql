-- What: the index of lists by tag.
-- Why:  GIN has an entry for each element of an array: the project with the kind, and each tag. So a
--       tag is looked up within one project, however many projects use it, and the tags of an asset
--       are all in one entry to write. An asset without tags has none. Without a list of pending
--       entries, which each look-up would read from end to end.
-- transaction: none

DROP INDEX CONCURRENTLY IF EXISTS asset_by_tag;

CREATE INDEX CONCURRENTLY asset_by_tag
ON asset USING gin ((ARRAY[space_id::text || '/' || kind] || tags)) WITH (fastupdate = off)
WHERE tags <> '{}';

COMMENT ON INDEX asset_by_tag IS 'Serves asset/list_by_tag and asset/list_by_episode_tag.';
