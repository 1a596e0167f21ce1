-- Find the lines of a staged list that may be a renamed listing, one that returns, or a newcomer
-- under a code that an asset bears.
SELECT s.symbol, s.name, coalesce(s.isin, ''),
       k.id, k.name, coalesce(k.isin, ''), k.is_active AND NOT k.is_delisted AS is_listed,
       k.created_at::date
FROM staged_listings s
LEFT JOIN assets k ON k.exchange = %(exchange)s AND k.symbol = s.symbol AND k.retired_at IS NULL
WHERE (k.id IS NULL AND s.symbol = ANY (%(new_codes)s::text[]))
   OR (s.isin IS DISTINCT FROM k.isin AND s.isin = ANY (%(isins)s::text[]))
   OR NOT k.is_active OR k.is_delisted OR s.isin <> k.isin
ORDER BY s.symbol;
