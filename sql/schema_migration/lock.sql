-- Asks for the right to migrate this database; the end of the connection gives it back.
--
-- Route:   dreamlake-assets migrate
-- Params:
--     none
-- Returns: scalar: whether it was given; false while another connection has it
-- Index:   none, it reads no table: Result
-- Why:     It does not wait. A statement that waits holds a snapshot, and CREATE INDEX CONCURRENTLY
--          in the run that has the right would wait for that snapshot to end: a deadlock.

SELECT pg_try_advisory_lock(hashtext('dreamlake_assets: migrate'))
