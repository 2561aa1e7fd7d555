-- Requests the right to purge, and returns the range to purge; the end of the connection releases it.
--
-- Route:   dreamlake-assets purge
-- Params:
--     namespace   text or null  testuser
--     older_than  interval      30 days
-- Returns: one: is_granted (false while another connection has the right), cutoff (the time of the
--          oldest deletion to keep, as text) and of_namespace (the id of the namespace; null if there is no
--          such namespace).
-- Index:   namespace_slug_key, Index Scan
-- Why:     The clock of the database decides, because it also sets deleted_at. The cutoff stays the
--          same for the whole run, so the run ends.

SELECT
    pg_try_advisory_lock(hashtext('dreamlake_assets: purge')) AS is_granted,
    (now() - %(older_than)s::interval)::text AS cutoff,
    (
        SELECT namespace.namespace_id
        FROM namespace
        WHERE namespace.slug = %(namespace)s::text
    ) AS of_namespace
