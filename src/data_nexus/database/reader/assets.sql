-- name: find_assets
-- Find the current assets of the given symbols.
SELECT a.id, a.symbol, a.exchange, a.currency
FROM assets a
JOIN unnest(%(symbols)s::text[], %(exchanges)s::text[]) AS wanted (symbol, exchange)
  ON a.symbol = wanted.symbol AND a.exchange = wanted.exchange
WHERE a.retired_at IS NULL

-- name: symbols_of
-- The codes of an exchange, to suggest near names from.
SELECT symbol FROM assets WHERE exchange = %(exchange)s AND retired_at IS NULL

-- name: currencies_of
-- The currencies of some assets' prices.
SELECT id, currency FROM assets WHERE id = ANY (%(asset_ids)s::int[])
