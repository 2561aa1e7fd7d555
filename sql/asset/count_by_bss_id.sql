-- Counts the assets with the same bytes, for those BSS ids that more than one asset has.
--
-- Route:   dreamlake-assets purge
-- Params:
--     kinds    text[]  {video}
--     bss_ids  text[]  {a1b2c3}
-- Returns: many: kind, bss_id, assets.
-- Index:   none, it reads all of them: Seq Scan, and a Hash Join with the parameters
-- Why:     It runs once for 50,000 assets to purge. An index by bss_id would serve nothing else, and
--          every registration would write it: 60 bytes, and a whole page of WAL after a checkpoint,
--          as BSS ids come in no order.
--          On a Citus cluster it runs on all shards.

SELECT
    asset.kind,
    asset.bss_id,
    count(*) AS assets
FROM unnest(%(kinds)s::text[], %(bss_ids)s::text[]) AS expired (kind, bss_id)
INNER JOIN asset
    ON asset.kind = expired.kind
    AND asset.bss_id = expired.bss_id
GROUP BY
    asset.kind,
    asset.bss_id
HAVING count(*) > 1
