-- Find the assets that may be what a staged list of the dead calls CODE_old, each with its past.
SELECT s.symbol, s.name, coalesce(s.isin, ''),
       a.id, a.symbol, a.name, coalesce(a.isin, ''),
       a.retired_at IS NULL AND a.is_active AND NOT a.is_delisted AS is_listed,
       l.until_moment, l.name, coalesce(l.isin, '')
FROM staged_listings s
JOIN assets a ON a.exchange = %(exchange)s
             AND a.symbol = regexp_replace(s.symbol, '_old[0-9]*$', '')
LEFT JOIN listings l ON l.asset_id = a.id AND l.symbol = a.symbol AND l.until_moment IS NOT NULL
WHERE s.symbol ~ '._old[0-9]*$'
  AND NOT EXISTS (
      SELECT FROM assets o
      WHERE o.exchange = %(exchange)s AND o.symbol = s.symbol AND o.retired_at IS NULL
  )
ORDER BY s.symbol, a.id, l.until_moment;
