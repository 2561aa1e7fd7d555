-- Says whether this database is a Citus cluster.
--
-- Route:   none; once in each process, when its first connection is made
-- Params:
--     none
-- Returns: scalar: whether it is.
-- Index:   none, it reads no table: Result

SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL
