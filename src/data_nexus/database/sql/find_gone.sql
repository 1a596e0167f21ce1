-- Find the listed assets whose code a staged list lacks or gives to another ISIN, and those at rest
-- that the vendor says were renamed.
SELECT a.id, a.symbol, a.name, coalesce(a.isin, ''),
       a.is_active AND NOT a.is_delisted AS is_listed,
       coalesce(l.since, a.created_at)::date AS since
FROM assets a
LEFT JOIN staged_listings s ON s.symbol = a.symbol
LEFT JOIN (
    SELECT asset_id, symbol, min(from_moment) AS since
    FROM listings WHERE exchange = %(exchange)s GROUP BY asset_id, symbol
) AS l ON l.asset_id = a.id AND l.symbol = a.symbol
WHERE a.exchange = %(exchange)s
  AND a.retired_at IS NULL
  AND (s.symbol IS NULL OR s.isin <> a.isin)
  AND (a.is_active AND NOT a.is_delisted
           AND (%(types)s::text[] = '{}' OR a.asset_type = ANY (%(types)s))
       OR a.symbol = ANY (%(old_codes)s::text[]))
ORDER BY a.id;
