-- Compare a staged symbol list with the exchange's assets, before anything is written.
WITH known AS (
    SELECT * FROM assets WHERE exchange = %(exchange)s AND retired_at IS NULL
), listed AS (
    SELECT s.symbol,
           k.id IS NULL AS is_new,
           k.id IS NOT NULL AND NOT k.is_active AND NOT %(delisted)s AS is_back,
           k.id IS NOT NULL AND
               (k.is_delisted, k.is_active, k.venue, k.name, k.asset_type,
                k.country, k.currency, k.isin)
               IS DISTINCT FROM
               (%(delisted)s, true, s.venue, s.name, s.asset_type, s.country, s.currency, s.isin) AS differs
    FROM staged_listings s
    LEFT JOIN known k ON k.symbol = s.symbol
    -- A code that is listed today and delisted as well answers for its successor only.
    WHERE NOT (%(delisted)s AND k.id IS NOT NULL AND k.is_active AND NOT k.is_delisted)
), active AS (
    SELECT k.symbol
    FROM known k
    WHERE k.is_active
      AND NOT k.is_delisted
      AND (%(types)s::text[] = '{}' OR k.asset_type = ANY (%(types)s))
)
SELECT (SELECT count(*) FROM listed) AS listed,
       (SELECT count(*) FROM listed WHERE is_new) AS added,
       (SELECT count(*) FROM listed WHERE is_back) AS reactivated,
       (SELECT count(*) FROM listed WHERE differs OR is_back) AS differs,
       (SELECT count(*) FROM active) AS active,
       (SELECT count(*) FROM active a
        WHERE NOT EXISTS (SELECT FROM staged_listings s WHERE s.symbol = a.symbol)) AS missing;
