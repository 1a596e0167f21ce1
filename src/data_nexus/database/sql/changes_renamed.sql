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
LIMIT %(most)s;
