-- name: without_time_limit
-- Let the rest of a transaction take its time.
SELECT set_config('statement_timeout', '0', true)

-- name: without_indexes
-- Have the rest of a transaction read tables from their first page to their last.
SELECT set_config(name, 'off', true)
FROM unnest(ARRAY['enable_indexscan', 'enable_indexonlyscan', 'enable_bitmapscan']) AS t (name)

-- name: logged_by_asset
-- How many bars each asset should have by the sync log.
SELECT asset_id, sum(inserted - lost - withdrawn) FROM sync_log GROUP BY asset_id

-- name: stored_by_asset
-- How many bars each asset has.
SELECT asset_id, count(*) FROM market_data GROUP BY asset_id

-- name: own_tables
-- The tables of this schema, and whether values of theirs are stored out of line.
SELECT relname::text, coalesce(pg_relation_size(nullif(reltoastrelid, 0)) > 0, false)
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace
  AND relkind IN ('r', 'p')
  AND NOT relispartition
ORDER BY relname
