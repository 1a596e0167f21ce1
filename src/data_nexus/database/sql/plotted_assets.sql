-- What a chart says of the current assets of the given symbols.
SELECT a.symbol || '.' || a.exchange AS ticker, a.id, a.name, a.currency, a.venue, a.asset_type,
       a.is_delisted
FROM assets a
JOIN unnest(%(symbols)s::text[], %(exchanges)s::text[]) AS wanted (symbol, exchange)
  ON a.symbol = wanted.symbol AND a.exchange = wanted.exchange
WHERE a.retired_at IS NULL;
