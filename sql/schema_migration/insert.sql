-- Records a migration, in the transaction that applies it.
--
-- Route:   dreamlake-assets migrate
-- Params:
--     version   int   9999
--     name      text  9999_an_example
--     checksum  text  8d59ae6c8a1d4d1b2e0a1f0a5f5c1d7e3b9c6a7f4e2d1c0b9a8f7e6d5c4b3a29
-- Returns: scalar: version.
-- Index:   none, it inserts a row of values: Result

INSERT INTO schema_migration (
    version,
    name,
    checksum
)
VALUES (
    %(version)s::int,
    %(name)s::text,
    %(checksum)s::text
)
RETURNING version
