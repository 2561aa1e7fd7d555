-- Requests the right to migrate this database; the end of the connection releases it.
--
-- Route:   dreamlake-assets migrate
-- Params:
--     none
-- Returns: scalar: true if it was granted; false while another connection has it.
-- Index:   none, it reads no table: Result
-- Why:     It does not wait. A waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY in
--          the run that has the right would wait for that snapshot: a deadlock.

SELECT pg_try_advisory_lock(hashtext('dreamlake_assets: migrate'))
