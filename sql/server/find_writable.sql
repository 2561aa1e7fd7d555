-- Says whether the server takes registrations from this role.
--
-- Route:   GET /readyz; every route that writes, after the server has refused a write
-- Params:
--     none
-- Returns: scalar: true or false. False on a standby, with default_transaction_read_only, and for a
--          role without INSERT on asset.
-- Index:   none, it reads no table

SELECT
    current_setting('transaction_read_only') = 'off'
    AND has_table_privilege('asset', 'INSERT') AS is_writable
