-- Turns the schema into a distributed one, on Citus 13.1 or later; rows that are there move with it.
--
-- Run it by psql on the coordinator as the owner of the tables, after `dreamlake-assets migrate` and
-- while the service does not write; sql/README.md says what comes before and after:
--
--     psql -X -v ON_ERROR_STOP=1 -f sql/citus/distribute.sql postgresql://…/dreamlake
--
-- All tables are distributed or none. A second run does what comes after that once more, which changes
-- nothing where it was done. Not with --single-transaction: shards can be spoken to only when they are
-- committed.

SELECT EXISTS (
    SELECT 1
    FROM pg_dist_partition
    WHERE logicalrelid = 'asset'::regclass
) AS done
\gset
\if :done
    \echo the schema is distributed already
\else

-- A table that refers to one that is not distributed yet is refused, so foreign keys are taken away
-- and made again at the end. All of them hold namespace_id.
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

-- Foreign keys to reference tables ask for one connection to each worker, not for many at once.
SET LOCAL citus.multi_shard_modify_mode TO 'sequential';

:drop_keys

-- On every node: small, and a part of every statement.
SELECT create_reference_table('namespace');
SELECT create_reference_table('namespace_member');

-- By tenant. The rows of a tenant stand in shards of one node, where they are joined, and where their
-- foreign keys are checked. schema_migration stays on the coordinator.
SELECT create_distributed_table('space', 'namespace_id', colocate_with => 'none');
SELECT create_distributed_table('episode', 'namespace_id', colocate_with => 'space');
SELECT create_distributed_table('node', 'namespace_id', colocate_with => 'space');
SELECT create_distributed_table('asset', 'namespace_id', colocate_with => 'space');

:add_keys

COMMIT;

\endif

-- What the planner is told of a tenant (migration 0002) is said to the shards, which do not take it
-- over from the table. One that fails is shown; plans are right without it.
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

-- The rows that were here were copied to the shards; what is left of them on the coordinator is seen by
-- nobody, but would be checked by constraints that later migrations add.
SELECT truncate_local_data_after_distributing_table('asset');
SELECT truncate_local_data_after_distributing_table('node');
SELECT truncate_local_data_after_distributing_table('episode');
SELECT truncate_local_data_after_distributing_table('space');
SELECT truncate_local_data_after_distributing_table('namespace_member');
SELECT truncate_local_data_after_distributing_table('namespace');
