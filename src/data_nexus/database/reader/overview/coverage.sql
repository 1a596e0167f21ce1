-- name: coverage_years
-- How complete each exchange is year by year, as last counted.
SELECT exchange, year, expected, stored, absent, missing, assets, counted_at
FROM coverage_years
ORDER BY exchange, year

-- name: coverage_gaps
-- The assets that lack sessions of a year, those with the most first, after one of them.
SELECT g.asset_id, a.symbol || '.' || a.exchange AS symbol, a.name, g.missing
FROM (
    SELECT asset_id, missing
    FROM coverage_gaps
    WHERE exchange = %(exchange)s AND year = %(year)s
      AND (missing < %(missing)s OR missing = %(missing)s AND asset_id > %(after)s)
    ORDER BY missing DESC, asset_id
    LIMIT %(most)s
) AS g
JOIN assets a ON a.id = g.asset_id
ORDER BY g.missing DESC, g.asset_id

-- name: uncounted_exchanges
-- The exchanges to count: never counted, changed since and an hour ago, or a day ago.
SELECT a.exchange
FROM (SELECT exchange, max(last_synced) AS changed FROM assets GROUP BY exchange) AS a
LEFT JOIN (SELECT exchange, max(counted_at) AS counted_at FROM coverage_years GROUP BY exchange) AS c
    USING (exchange)
WHERE a.changed IS NOT NULL
  AND (c.counted_at IS NULL
       OR a.changed > c.counted_at AND c.counted_at < now() - interval '1 hour'
       OR c.counted_at < now() - interval '1 day')
ORDER BY a.exchange

-- name: assets_to_count
-- The assets of an exchange that have bars or were answered, by number.
SELECT id AS asset_id, symbol || '.' || exchange AS symbol
FROM assets
WHERE exchange = %(exchange)s AND (last_bar IS NOT NULL OR last_synced IS NOT NULL)
ORDER BY id

-- name: try_to_count
-- Whether no other process counts now: until the transaction ends none will. Two numbers make no owner.
SELECT NOT pg_is_in_recovery() AND pg_try_advisory_xact_lock(7311968, 25)

-- name: forget_coverage
-- Drop the counts of an exchange before new ones are stored.
WITH gaps AS (
    DELETE FROM coverage_gaps WHERE exchange = %(exchange)s
)
DELETE FROM coverage_years WHERE exchange = %(exchange)s

-- name: store_coverage_years
-- Store the counts of an exchange, by year.
INSERT INTO coverage_years (exchange, year, expected, stored, absent, missing, assets, counted_at)
SELECT %(exchange)s, c.year, c.expected, c.stored, c.absent, c.missing, c.assets, %(counted_at)s
FROM unnest(
    %(years)s::int[], %(expected)s::bigint[], %(stored)s::bigint[], %(absent)s::bigint[],
    %(missing)s::bigint[], %(assets)s::int[]
) AS c (year, expected, stored, absent, missing, assets)

-- name: store_coverage_gaps
-- Store which assets of an exchange lack sessions, by year; one that has moved there is its own.
INSERT INTO coverage_gaps (asset_id, year, exchange, missing)
SELECT g.asset_id, g.year, %(exchange)s, g.missing
FROM unnest(%(asset_ids)s::int[], %(years)s::int[], %(missing)s::int[]) AS g (asset_id, year, missing)
ON CONFLICT (asset_id, year) DO UPDATE SET exchange = excluded.exchange, missing = excluded.missing
