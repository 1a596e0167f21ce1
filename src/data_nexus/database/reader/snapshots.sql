-- name: lake_moment
-- Begin a snapshot: lift the limits meant for short transactions; read the moment and the last bar's date.
SELECT now() AS moment,
       (SELECT max(last_bar) FROM assets) AS last_bar,
       set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true)

-- name: lake_parts
-- What each part of a snapshot holds: the number of its bars, their dates and a fingerprint.
WITH assets_parts AS (
    SELECT m.asset_id, width_bucket(m.date, %(starts)s::date[]) AS period,
           count(*) AS bars, min(m.date) AS first_date, max(m.date) AS last_date,
           -- Each row's hash holds its key, so no two rows cancel out; the order does not matter.
           bit_xor(hash_record_extended(m, 0)) AS fingerprint
    FROM market_data m
    GROUP BY m.asset_id, period
)
SELECT a.exchange, p.asset_id / %(assets_a_part)s::int AS number, p.period, sum(p.bars)::bigint AS bars,
       min(p.first_date) AS first_date, max(p.last_date) AS last_date,
       bit_xor(p.fingerprint) AS fingerprint,
       array_agg(p.asset_id ORDER BY p.asset_id) AS asset_ids
FROM assets_parts p
JOIN assets a ON a.id = p.asset_id
GROUP BY a.exchange, number, p.period
ORDER BY a.exchange, number, p.period

-- name: lake_assets
-- Every asset, with the dates of its first and last bar.
SELECT a.id, a.symbol || '.' || a.exchange, a.symbol, a.exchange, a.venue, a.name, a.asset_type, a.country, a.currency,
       a.isin, a.is_active, a.is_delisted, a.retired_at, a.synced_through, life.first, life.last
FROM assets a
CROSS JOIN LATERAL (
    SELECT min(m.date) AS first, max(m.date) AS last FROM market_data m WHERE m.asset_id = a.id
) AS life
ORDER BY a.id

-- name: lake_listings
-- The whole listing history.
SELECT asset_id, from_moment, until_moment, symbol, exchange, venue, name, asset_type, isin, began
FROM listings
ORDER BY asset_id, from_moment

-- name: lake_discoveries
-- Every symbol list that was compared with the assets.
SELECT exchange, moment, is_delisted, types, listed, is_shrunk FROM discoveries ORDER BY id

-- name: lake_splits
-- All splits.
SELECT asset_id, date, numerator, denominator, stored_at FROM splits ORDER BY asset_id, date

-- name: lake_dividends
-- All dividends.
SELECT asset_id, date, value, unadjusted_value, currency, declaration_date, record_date, payment_date, period,
       stored_at
FROM dividends
ORDER BY asset_id, date, value
