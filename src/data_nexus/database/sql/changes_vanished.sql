-- The symbols that were listed no more, from a discovery after a moment on, the latest first.
SELECT l.symbol || '.' || l.exchange AS ticker, l.until_moment AS moment, l.asset_type, l.name,
       count(*) OVER () AS total
FROM listings l
WHERE l.until_moment > %(since)s
  AND l.until_moment > l.from_moment
  AND (%(exchange)s::text IS NULL OR l.exchange = %(exchange)s)
  AND NOT EXISTS (
      -- It goes on, under another name or code.
      SELECT FROM listings n WHERE n.asset_id = l.asset_id AND n.from_moment = l.until_moment
  )
ORDER BY l.until_moment DESC, ticker
LIMIT %(most)s;
