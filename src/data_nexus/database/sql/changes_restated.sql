-- The bars that the vendor restated after a moment, the latest first: what they were, what they became.
WITH restated AS (
    SELECT a.symbol || '.' || a.exchange AS ticker, r.*, count(*) OVER () AS total
    FROM market_data_revisions r
    JOIN assets a ON a.id = r.asset_id
    WHERE r.valid_until > %(since)s
      AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
    ORDER BY r.valid_until DESC, ticker, r.date
    LIMIT %(most)s
)
SELECT r.ticker, r.date, r.valid_until AS moment, r.total,
       r.open, r.high, r.low, r.close, r.adjusted_close, r.volume,
       coalesce(n.open, m.open) AS new_open, coalesce(n.high, m.high) AS new_high,
       coalesce(n.low, m.low) AS new_low, coalesce(n.close, m.close) AS new_close,
       coalesce(c.adjusted_close, n.adjusted_close, m.adjusted_close) AS new_adjusted_close,
       coalesce(v.volume, n.volume, m.volume) AS new_volume
FROM restated r
JOIN market_data m ON m.asset_id = r.asset_id AND m.date = r.date
-- What it became has been restated since, or re-based before that; both tell what it was then.
LEFT JOIN LATERAL (
    SELECT *
    FROM market_data_revisions n
    WHERE n.asset_id = r.asset_id AND n.date = r.date AND n.valid_until > r.valid_until
    ORDER BY n.valid_until
    LIMIT 1
) AS n ON true
LEFT JOIN LATERAL (
    SELECT b.adjusted_closes[array_position(b.dates, r.date)] AS adjusted_close
    FROM rebasings b
    WHERE b.asset_id = r.asset_id
      AND b.valid_until > r.valid_until AND b.valid_until < coalesce(n.valid_until, 'infinity')
      AND r.date = ANY (b.dates)
    ORDER BY b.valid_until
    LIMIT 1
) AS c ON true
LEFT JOIN LATERAL (
    SELECT b.volumes[array_position(b.dates, r.date)] AS volume
    FROM rebasings b
    WHERE b.asset_id = r.asset_id
      AND b.valid_until > r.valid_until AND b.valid_until < coalesce(n.valid_until, 'infinity')
      AND r.date = ANY (b.dates) AND b.volumes IS NOT NULL
    ORDER BY b.valid_until
    LIMIT 1
) AS v ON true
ORDER BY r.valid_until DESC, r.ticker, r.date;
