-- name: changes_appeared
-- The symbols that were listed for the first time or again after a moment, the latest first.
SELECT found.ticker, found.moment, found.asset_type, found.name, found.began,
       count(*) OVER () AS total
FROM (
    SELECT a.symbol || '.' || a.exchange AS ticker, a.created_at AS moment, a.asset_type, a.name,
           'listed' AS began, a.exchange
    FROM assets a
    UNION ALL
    SELECT l.symbol || '.' || l.exchange, l.from_moment, l.asset_type, l.name, l.began, l.exchange
    FROM listings l
    WHERE l.began = 'returned'
) AS found
WHERE found.moment > %(since)s
  AND (%(exchange)s::text IS NULL OR found.exchange = %(exchange)s)
ORDER BY found.moment DESC, ticker
LIMIT %(most)s

-- name: changes_vanished
-- The symbols that were no longer listed from a discovery after a moment on, the latest first.
SELECT l.symbol || '.' || l.exchange AS ticker, l.until_moment AS moment, l.asset_type, l.name,
       count(*) OVER () AS total
FROM listings l
WHERE l.until_moment > %(since)s
  AND l.until_moment > l.from_moment
  AND (%(exchange)s::text IS NULL OR l.exchange = %(exchange)s)
  AND NOT EXISTS (
      -- It continues, under another name or code.
      SELECT FROM listings n WHERE n.asset_id = l.asset_id AND n.from_moment = l.until_moment
  )
ORDER BY l.until_moment DESC, ticker
LIMIT %(most)s

-- name: changes_restated
-- The bars that the vendor restated after a moment, the latest first: what they were, what they became.
WITH restated AS (
    SELECT a.symbol || '.' || a.exchange AS ticker, r.*, count(*) OVER () AS total
    FROM market_data_revisions r
    JOIN assets a ON a.id = r.asset_id
    WHERE r.valid_until > %(since)s
      AND NOT r.is_withdrawn
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
LEFT JOIN market_data m ON m.asset_id = r.asset_id AND m.date = r.date
-- What it became has been restated or withdrawn since, or re-based before that; all show what it
-- was then.
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
ORDER BY r.valid_until DESC, r.ticker, r.date

-- name: withdrawn_since
-- The bars, splits and dividends that the vendor has not sent any more after a moment. A split or
-- dividend in place of which another was reported for its day was changed.
SELECT asset_id, valid_until, 'bar' AS what, date, close AS value
FROM market_data_revisions
WHERE is_withdrawn AND valid_until > %(since)s
UNION ALL
SELECT r.asset_id, r.valid_until, 'split', r.date, r.numerator / nullif(r.denominator, 0)
FROM split_revisions r
WHERE r.valid_until > %(since)s
  AND NOT EXISTS (
      SELECT FROM splits s
      WHERE s.asset_id = r.asset_id AND s.date = r.date AND s.reported_at = r.valid_until
  )
  AND NOT EXISTS (
      SELECT FROM split_revisions s
      WHERE s.asset_id = r.asset_id AND s.date = r.date AND s.reported_at = r.valid_until
  )
UNION ALL
SELECT r.asset_id, r.valid_until, 'dividend', r.date, r.value
FROM dividend_revisions r
WHERE r.valid_until > %(since)s
  AND NOT EXISTS (
      SELECT FROM dividends d
      WHERE d.asset_id = r.asset_id AND d.date = r.date AND d.reported_at = r.valid_until
  )
  AND NOT EXISTS (
      SELECT FROM dividend_revisions d
      WHERE d.asset_id = r.asset_id AND d.date = r.date AND d.reported_at = r.valid_until
  )

-- name: changes_withdrawn
-- The bars, splits and dividends that the vendor has not sent any more after a moment, the latest
-- first.
WITH withdrawn AS (
{withdrawn_since}
)
SELECT a.symbol || '.' || a.exchange AS ticker, w.what, w.date, w.valid_until AS moment, w.value,
       count(*) OVER () AS total
FROM withdrawn w
JOIN assets a ON a.id = w.asset_id
WHERE %(exchange)s::text IS NULL OR a.exchange = %(exchange)s
ORDER BY w.valid_until DESC, ticker, w.date, w.what
LIMIT %(most)s

-- name: changes_rebased
-- The histories that the vendor re-based after a moment, the latest first.
SELECT a.symbol || '.' || a.exchange AS ticker, b.valid_until AS moment, b.old_factor, b.new_factor,
       b.volume_ratio, b.bars, b.first_date, b.last_date, count(*) OVER () AS total
FROM rebasings b
JOIN assets a ON a.id = b.asset_id
WHERE b.valid_until > %(since)s
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
ORDER BY b.valid_until DESC, ticker
LIMIT %(most)s

-- name: changes_splits
-- The splits that became known after a moment, the latest first.
SELECT a.symbol || '.' || a.exchange AS ticker, s.date, s.stored_at AS moment,
       s.numerator, s.denominator, count(*) OVER () AS total
FROM splits s
JOIN assets a ON a.id = s.asset_id
WHERE s.stored_at > %(since)s
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
ORDER BY s.stored_at DESC, ticker, s.date
LIMIT %(most)s

-- name: changes_dividends
-- The dividends that became known after a moment, the latest first.
SELECT a.symbol || '.' || a.exchange AS ticker, d.date, d.stored_at AS moment,
       d.value, d.unadjusted_value, d.currency, count(*) OVER () AS total
FROM dividends d
JOIN assets a ON a.id = d.asset_id
WHERE d.stored_at > %(since)s
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
ORDER BY d.stored_at DESC, ticker, d.date
LIMIT %(most)s

-- name: changes_renamed
-- The listings that got another code after a moment, the latest first.
SELECT b.symbol || '.' || b.exchange AS ticker, n.symbol || '.' || n.exchange AS new_ticker,
       n.from_moment AS moment, n.name, n.began AS reason, count(*) OVER () AS total
FROM listings n
JOIN LATERAL (
    SELECT l.symbol, l.exchange
    FROM listings l
    WHERE l.asset_id = n.asset_id AND l.from_moment < n.from_moment
    ORDER BY l.from_moment DESC
    LIMIT 1
) AS b ON b.symbol <> n.symbol
WHERE n.from_moment > %(since)s
  AND (%(exchange)s::text IS NULL OR n.exchange = %(exchange)s)
ORDER BY n.from_moment DESC, ticker
LIMIT %(most)s
