-- What: drops the indexes that 0028 replaced.
-- Why:  every registration writes them. Processes of 0.2 need them; 0.3 does not.
--       A line of the first statement must not end in a semicolon, which would end the statement.
-- phase: finish
-- transaction: none

DO $$
DECLARE
    lacking text := (
        SELECT string_agg(replacement.name, ', ' ORDER BY replacement.name)
        FROM unnest(ARRAY[
            'asset_live_by_space_name', 'asset_live_by_space_name_created_at',
            'asset_live_by_episode_name', 'asset_live_by_episode_name_created_at',
            'asset_live_by_tag', 'asset_live_by_created_at'
        ]) AS replacement (name)
        LEFT JOIN pg_index ON indexrelid = to_regclass(replacement.name) AND indisvalid
        WHERE indexrelid IS NULL
    ); --
BEGIN
    IF lacking IS NOT NULL THEN
        RAISE EXCEPTION 'no index is dropped, because its replacement is missing or not valid: %', lacking; --
    END IF; --
END
$$;

DROP INDEX CONCURRENTLY IF EXISTS asset_by_space_name;

DROP INDEX CONCURRENTLY IF EXISTS asset_by_episode_name;

DROP INDEX CONCURRENTLY IF EXISTS asset_by_space_name_created_at;

DROP INDEX CONCURRENTLY IF EXISTS asset_by_episode_name_created_at;

DROP INDEX CONCURRENTLY IF EXISTS asset_by_tag;

DROP INDEX CONCURRENTLY IF EXISTS asset_by_created_at;
