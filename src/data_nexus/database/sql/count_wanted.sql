-- Count by exchange the assets whose splits and dividends are to be asked for.
SELECT exchange, count(*) AS assets
FROM assets
WHERE actions_wanted_at <= now()
  AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
  AND is_active
  AND parked_at IS NULL
  AND retired_at IS NULL
GROUP BY exchange
ORDER BY exchange;
