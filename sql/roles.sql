-- Creates two roles: dreamlake_service for the service, which may read and write rows and nothing
-- else, and dreamlake_owner, which owns the schema, for `dreamlake-assets migrate`, `purge` and
-- `namespace`.
--
-- Run it with psql as a superuser, or as the owner of the database with CREATEROLE, after the first
-- `dreamlake-assets migrate` and again when this file has changed. A second run changes nothing.
--
--     psql -X -v ON_ERROR_STOP=1 --single-transaction -f sql/roles.sql postgresql://…/dreamlake
--
-- The roles have no password yet: set one with \password, or allow another method in pg_hba.conf.

SELECT format('CREATE ROLE %I LOGIN', name)
FROM (VALUES ('dreamlake_owner'), ('dreamlake_service')) AS wanted (name)
WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name)
\gexec

-- A role that gives a table away must be a member of the role that receives it; a superuser always is.
SELECT 'GRANT dreamlake_owner TO CURRENT_USER'
WHERE NOT pg_has_role('dreamlake_owner', 'MEMBER')
\gexec

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO dreamlake_owner, dreamlake_service;
GRANT USAGE, CREATE ON SCHEMA public TO dreamlake_owner;
GRANT USAGE ON SCHEMA public TO dreamlake_service;

-- Existing tables and views change hands, except those of extensions.
SELECT format('ALTER TABLE %s OWNER TO dreamlake_owner', oid::regclass)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace
    AND relkind IN ('r', 'p', 'v')
    AND relowner <> 'dreamlake_owner'::regrole
    AND NOT EXISTS (
        SELECT 1
        FROM pg_depend
        WHERE classid = 'pg_class'::regclass
            AND objid = pg_class.oid
            AND deptype = 'e'
    )
\gexec

-- The service writes rows below a namespace. It only reads namespaces and members, which the owner
-- administers.
GRANT SELECT ON schema_migration, namespace, namespace_member TO dreamlake_service;
GRANT SELECT, INSERT ON space, episode, node, asset TO dreamlake_service;
-- For changes, deletions and restorations; asset_id for ON CONFLICT of the statements asset/insert…,
-- which sets it to its own value. Only the owner deletes rows.
GRANT UPDATE (
    asset_id,
    episode_id,
    node_id,
    name,
    bss_id,
    fps,
    lens,
    sample_rate,
    channels,
    format,
    language,
    width,
    height,
    size,
    sha256,
    content_type,
    tags,
    metadata,
    revision,
    updated_at,
    deleted_at,
    change_id
) ON asset TO dreamlake_service;

-- The service may read and write the tables of later migrations without another run of this file.
ALTER DEFAULT PRIVILEGES FOR ROLE dreamlake_owner IN SCHEMA public
GRANT SELECT, INSERT ON TABLES TO dreamlake_service;

-- The settings of the service's sessions. The service also sends them as startup options, but PgBouncer
-- does not pass these on. Behind PgBouncer, statement_timeout also applies to lists without a limit:
-- raise it if these are long and their readers slow.
ALTER ROLE dreamlake_service SET default_transaction_isolation = 'read committed';
ALTER ROLE dreamlake_service SET enable_seqscan = off;
ALTER ROLE dreamlake_service SET enable_sort = off;
ALTER ROLE dreamlake_service SET enable_incremental_sort = off;
ALTER ROLE dreamlake_service SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE dreamlake_service SET jit = off;
ALTER ROLE dreamlake_service SET lock_timeout = '2s';
ALTER ROLE dreamlake_service SET statement_timeout = '5s';

-- Statements are written for generic plans, except on a Citus cluster: there the coordinator finds the
-- shard by the parameter values, and the workers, whose sessions have the settings of this role, find
-- the index by them.
SELECT format(
    'ALTER ROLE dreamlake_service SET plan_cache_mode = %s',
    CASE
        WHEN to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN 'force_generic_plan'
        ELSE 'force_custom_plan'
    END
)
\gexec
