-- The histories that the vendor re-based after a moment, the latest first.
SELECT a.symbol || '.' || a.exchange AS ticker, b.valid_until AS moment, b.old_factor, b.new_factor,
       b.volume_ratio, b.bars, b.first_date, b.last_date, count(*) OVER () AS total
FROM rebasings b
JOIN assets a ON a.id = b.asset_id
WHERE b.valid_until > %(since)s
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
ORDER BY b.valid_until DESC, ticker
LIMIT %(most)s;
