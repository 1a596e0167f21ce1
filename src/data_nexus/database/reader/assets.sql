-- name: find_assets
-- Find the current assets of symbols as a person wrote them: as they are, or else in capitals.
SELECT DISTINCT ON (wanted.symbol, wanted.exchange)
       wanted.symbol AS wanted, a.id, a.symbol, a.exchange, a.currency
FROM unnest(%(symbols)s::text[], %(exchanges)s::text[]) AS wanted (symbol, exchange)
-- Each spelling is looked up by itself: a join on either would compare every pair.
CROSS JOIN LATERAL (VALUES (wanted.symbol), (upper(wanted.symbol))) AS spelled (symbol)
JOIN assets a ON a.exchange = wanted.exchange AND a.symbol = spelled.symbol
WHERE a.retired_at IS NULL
ORDER BY wanted.symbol, wanted.exchange, a.symbol = wanted.symbol DESC

-- name: symbols_of
-- The codes of an exchange, to suggest near names from.
SELECT symbol FROM assets WHERE exchange = %(exchange)s AND retired_at IS NULL

-- name: currencies_of
-- The currencies of some assets' prices.
SELECT id, currency FROM assets WHERE id = ANY (%(asset_ids)s::int[])

-- name: bar_ranges
-- The dates of the first and the last bar of some assets, by ticker.
SELECT a.symbol || '.' || a.exchange AS ticker,
       (SELECT min(m.date) FROM market_data m WHERE m.asset_id = a.id) AS first,
       (SELECT max(m.date) FROM market_data m WHERE m.asset_id = a.id) AS last
FROM assets a
WHERE a.id = ANY (%(asset_ids)s::int[])
ORDER BY ticker

-- name: with_unread_actions
-- Those of some assets whose bars show splits or dividends that were never read.
SELECT id
FROM assets
WHERE id = ANY (%(asset_ids)s::int[]) AND actions_wanted_at IS NOT NULL AND actions_read_at IS NULL
