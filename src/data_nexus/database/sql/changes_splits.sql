-- The splits that became known after a moment, the latest first.
SELECT a.symbol || '.' || a.exchange AS ticker, s.date, s.stored_at AS moment,
       s.numerator, s.denominator, count(*) OVER () AS total
FROM splits s
JOIN assets a ON a.id = s.asset_id
WHERE s.stored_at > %(since)s
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
ORDER BY s.stored_at DESC, ticker, s.date
LIMIT %(most)s;
