-- What: the list of the migrations that this database has.
-- Why:  dreamlake_assets/migrations.py writes a row in the transaction of each migration; the row of
--       this file is the first.

CREATE TABLE schema_migration (
    version integer NOT NULL,
    name text COLLATE "C" NOT NULL,
    checksum text COLLATE "C" NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schema_migration_pkey PRIMARY KEY (version)
);

COMMENT ON TABLE schema_migration IS 'The files of sql/migrations that this database has.';
COMMENT ON COLUMN schema_migration.version IS 'The number that the name of the file begins with.';
COMMENT ON COLUMN schema_migration.name IS 'The name of the file without .sql.';
COMMENT ON COLUMN schema_migration.checksum IS 'SHA-256 of the file: one that was changed later is refused.';
