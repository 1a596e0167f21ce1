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
LIMIT %(most)s;
