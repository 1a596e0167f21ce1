-- Say whether listed assets are missing from a list that holds codes which no listed asset bears.
WITH listed AS (
    SELECT symbol FROM assets
    WHERE exchange = %(exchange)s AND retired_at IS NULL AND is_active AND NOT is_delisted
      AND (%(types)s::text[] = '{}' OR asset_type = ANY (%(types)s))
), codes AS (
    SELECT unnest(%(codes)s::text[]) AS symbol
)
SELECT EXISTS (SELECT symbol FROM listed EXCEPT SELECT symbol FROM codes)
   AND EXISTS (SELECT symbol FROM codes EXCEPT SELECT symbol FROM listed);
