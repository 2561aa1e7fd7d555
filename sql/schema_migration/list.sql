-- Lists the migrations that this database has.
--
-- Route:   GET /readyz; dreamlake-assets migrate; the start of the service, and SIGHUP
-- Params:
--     none
-- Returns: many: version, name, checksum; by version.
-- Index:   none, it reads all of them: a Seq Scan, or a key in its order

SELECT
    schema_migration.version,
    schema_migration.name,
    schema_migration.checksum
FROM schema_migration
ORDER BY schema_migration.version ASC
