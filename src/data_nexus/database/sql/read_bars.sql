-- The bars of some assets within dates, by symbol and date.
SELECT a.symbol || '.' || a.exchange AS ticker, m.date, m.open, m.high, m.low, m.close, m.adjusted_close, m.volume
FROM market_data m
JOIN assets a ON a.id = m.asset_id
WHERE m.asset_id = ANY (%(asset_ids)s::int[])
  AND m.date BETWEEN coalesce(%(first)s::date, '-infinity') AND coalesce(%(last)s::date, 'infinity')
ORDER BY ticker, m.date;
