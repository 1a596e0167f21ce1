-- name: export_moment
-- The moment that a transaction sees, whatever is written meanwhile.
SELECT now()

-- name: export_patience
-- Let a transaction be idle while an asset is written: a disk or a large tool may be slow.
SET LOCAL idle_in_transaction_session_timeout = '10min'

-- name: export_assets
-- The assets of an exchange that have bars and whose code is their own.
SELECT symbol || '.' || exchange AS ticker, id AS asset_id, currency
FROM assets
WHERE exchange = %(exchange)s AND retired_at IS NULL AND last_bar IS NOT NULL

-- name: export_facts
-- What is known of an asset beside its bars.
SELECT name, venue, asset_type, country, currency, isin, is_delisted
FROM assets
WHERE id = %(asset_id)s

-- name: export_listings
-- When an asset was listed under which code, oldest first.
SELECT symbol, from_moment, until_moment
FROM listings
WHERE asset_id = %(asset_id)s
ORDER BY from_moment

-- name: plotted_assets
-- What a chart says of some assets, whether more bars are to come, and which ones are settled: all,
-- where none is to come.
SELECT id AS asset_id, name, exchange, venue, asset_type, currency,
       NOT is_delisted AND retired_at IS NULL AS is_listed,
       CASE
           WHEN NOT is_delisted AND retired_at IS NULL AND last_bar IS NOT NULL
           THEN coalesce(settled_through, '0001-01-01')
       END AS settled_through
FROM assets
WHERE id = ANY (%(asset_ids)s::int[])

-- name: revised_dates
-- The dates of some assets whose bar had other values before a moment.
SELECT asset_id, array_agg(DISTINCT date ORDER BY date)
FROM market_data_revisions
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND valid_until <= %(moment)s
GROUP BY asset_id
