-- The dividends that became known after a moment, the latest first.
SELECT a.symbol || '.' || a.exchange AS ticker, d.date, d.stored_at AS moment,
       d.value, d.unadjusted_value, d.currency, count(*) OVER () AS total
FROM dividends d
JOIN assets a ON a.id = d.asset_id
WHERE d.stored_at > %(since)s
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
ORDER BY d.stored_at DESC, ticker, d.date
LIMIT %(most)s;
