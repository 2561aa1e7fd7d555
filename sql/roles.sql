-- The roles: dreamlake_service for the service, which may read and write rows and nothing else, and
-- dreamlake_owner, who owns the schema, for `dreamlake-assets migrate` and `dreamlake-assets namespace`.
--
-- Run it by psql as a superuser or as the owner of the database with CREATEROLE, after the first
-- `dreamlake-assets migrate` and again whenever this file has changed; a second run changes nothing:
--
--     psql -X -v ON_ERROR_STOP=1 --single-transaction -f sql/roles.sql postgresql://…/dreamlake
--
-- The roles get no password here: \password dreamlake_service, or a certificate, in pg_hba.conf.

SELECT format('CREATE ROLE %I LOGIN', name)
FROM (VALUES ('dreamlake_owner'), ('dreamlake_service')) AS wanted (name)
WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = name)
\gexec

-- Whoever gives a table away has to be a member of the role that gets it; a superuser always is.
SELECT 'GRANT dreamlake_owner TO CURRENT_USER'
WHERE NOT pg_has_role('dreamlake_owner', 'MEMBER')
\gexec

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE TEMPORARY ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO dreamlake_owner, dreamlake_service;
GRANT USAGE, CREATE ON SCHEMA public TO dreamlake_owner;
GRANT USAGE ON SCHEMA public TO dreamlake_service;

-- What is there already changes hands, but for what extensions have made.
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

-- Rows of the tables below a namespace are written, namespaces and their members only read: they are
-- administered by the owner.
GRANT SELECT ON schema_migration, namespace, namespace_member TO dreamlake_service;
GRANT SELECT, INSERT ON space, episode, node, asset TO dreamlake_service;
-- Of asset/insert: the row that a statement sent again finds is its own, and stays as it is.
GRANT UPDATE (asset_id) ON asset TO dreamlake_service;

-- What later migrations make can be read and written to at once.
ALTER DEFAULT PRIVILEGES FOR ROLE dreamlake_owner IN SCHEMA public
GRANT SELECT, INSERT ON TABLES TO dreamlake_service;

-- The settings of the service's sessions. It sends them itself, as startup options, which PgBouncer
-- does not pass on. Behind PgBouncer statement_timeout is that of lists without a limit, too: raise it
-- where they are long and their readers slow.
ALTER ROLE dreamlake_service SET default_transaction_isolation = 'read committed';
ALTER ROLE dreamlake_service SET enable_seqscan = off;
ALTER ROLE dreamlake_service SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE dreamlake_service SET jit = off;
ALTER ROLE dreamlake_service SET lock_timeout = '2s';
ALTER ROLE dreamlake_service SET statement_timeout = '5s';

-- Statements are written for generic plans. Those for a Citus cluster are not: by the parameters the
-- coordinator finds the shard, and the workers, whose sessions have the settings of the role, the index.
SELECT format(
    'ALTER ROLE dreamlake_service SET plan_cache_mode = %s',
    CASE
        WHEN to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN 'force_generic_plan'
        ELSE 'force_custom_plan'
    END
)
\gexec
