-- Distributes the schema and its rows over a cluster of Citus 13.1 or later.
--
-- Run it with psql on the coordinator as the owner of the tables, after `dreamlake-assets migrate` and
-- while the service does not write. sql/README.md has the steps before and after it.
--
--     psql -X -v ON_ERROR_STOP=1 -f sql/citus/distribute.sql postgresql://…/dreamlake
--
-- All tables are distributed, or none. A second run only repeats the steps after that. Run it again
-- after shards were moved: a shard that was moved has lost its n_distinct. Do not use
-- --single-transaction: shards can be used only after they are committed.

SELECT EXISTS (
    SELECT 1
    FROM pg_dist_partition
    WHERE logicalrelid = 'asset'::regclass
) AS done
\gset
\if :done
    \echo the schema is distributed already
\else

-- Citus refuses a table that refers to one that is not distributed yet, so foreign keys are dropped
-- first and added at the end. All of them contain namespace_id.
SELECT
    string_agg(format('ALTER TABLE %s DROP CONSTRAINT %I;', conrelid::regclass, conname), ' ') AS drop_keys,
    string_agg(
        format('ALTER TABLE %s ADD CONSTRAINT %I %s;', conrelid::regclass, conname, pg_get_constraintdef(oid)), ' '
    ) AS add_keys
FROM pg_constraint
WHERE contype = 'f'
    AND connamespace = current_schema()::regnamespace
\gset

BEGIN;

-- Foreign keys to reference tables need a single connection to each worker.
SET LOCAL citus.multi_shard_modify_mode TO 'sequential';

:drop_keys

-- Copies on every node: these tables are small, and most statements read them.
SELECT create_reference_table('namespace');
SELECT create_reference_table('namespace_member');

-- Distributed by tenant: all rows of a tenant are in shards of one node, which joins them and checks
-- their foreign keys. schema_migration stays on the coordinator.
SELECT create_distributed_table('space', 'namespace_id', colocate_with => 'none');
SELECT create_distributed_table('episode', 'namespace_id', colocate_with => 'space');
SELECT create_distributed_table('node', 'namespace_id', colocate_with => 'space');
SELECT create_distributed_table('asset', 'namespace_id', colocate_with => 'space');

:add_keys

COMMIT;

\endif

-- The shards do not inherit n_distinct from the table (migration 0002 says what it is for), so it is
-- set on each of them. The query shows how many failed; plans are right without it.
\set command 'ALTER TABLE %s ALTER COLUMN namespace_id SET (n_distinct = 1)'
SELECT 'space' AS owner, count(*) AS shards, count(*) FILTER (WHERE NOT success) AS failures
FROM run_command_on_shards('space', :'command')
UNION ALL
SELECT 'episode', count(*), count(*) FILTER (WHERE NOT success)
FROM run_command_on_shards('episode', :'command')
UNION ALL
SELECT 'node', count(*), count(*) FILTER (WHERE NOT success)
FROM run_command_on_shards('node', :'command');

ANALYZE namespace, namespace_member, space, episode, node, asset;

-- The rows were copied to the shards. No query sees the copies that are left on the coordinator, but
-- constraints that later migrations add would check them.
SELECT truncate_local_data_after_distributing_table('asset');
SELECT truncate_local_data_after_distributing_table('node');
SELECT truncate_local_data_after_distributing_table('episode');
SELECT truncate_local_data_after_distributing_table('space');
SELECT truncate_local_data_after_distributing_table('namespace_member');
SELECT truncate_local_data_after_distributing_table('namespace');
