-- The stored bars of an asset from a date on, for comparison with an answer.
SELECT date - '1970-01-01'::date, open, high, low, close, adjusted_close, volume
FROM market_data
WHERE asset_id = %(asset_id)s AND date >= %(first)s
ORDER BY date;
