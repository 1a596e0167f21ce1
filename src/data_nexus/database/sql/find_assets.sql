-- Find the current assets of the given symbols.
SELECT a.id, a.symbol, a.exchange, a.currency
FROM assets a
JOIN unnest(%(symbols)s::text[], %(exchanges)s::text[]) AS wanted (symbol, exchange)
  ON a.symbol = wanted.symbol AND a.exchange = wanted.exchange
WHERE a.retired_at IS NULL;
