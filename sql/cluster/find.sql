-- Tells whether this database is a Citus cluster.
--
-- Route:   none; once in each process, when it opens its first connection
-- Params:
--     none
-- Returns: scalar: true on a cluster.
-- Index:   none, it reads no table: Result

SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL
