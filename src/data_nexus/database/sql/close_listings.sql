-- End the stretches that a discovery does not confirm; a shrunken list ends none by its silence.
UPDATE listings l
SET until_moment = greatest(l.from_moment, %(moment)s)
FROM assets a
LEFT JOIN staged_listings s ON s.symbol = a.symbol
WHERE l.asset_id = a.id
  AND l.until_moment IS NULL
  AND a.exchange = %(exchange)s
  AND CASE
      WHEN a.retired_at IS NOT NULL THEN true
      WHEN s.symbol IS NULL
      THEN NOT %(shrunk)s AND (%(types)s::text[] = '{}' OR a.asset_type = ANY (%(types)s))
      ELSE (l.symbol, l.venue, l.name, l.asset_type, l.isin)
           IS DISTINCT FROM (s.symbol, s.venue, s.name, s.asset_type, s.isin)
      END;
