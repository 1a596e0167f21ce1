-- Assets that the list no longer holds rest; nothing is deleted.
UPDATE assets a
SET is_active = false
WHERE a.exchange = %(exchange)s
  AND a.retired_at IS NULL
  AND a.is_active
  AND NOT a.is_delisted
  AND (%(types)s::text[] = '{}' OR a.asset_type = ANY (%(types)s))
  AND NOT EXISTS (SELECT FROM staged_listings s WHERE s.symbol = a.symbol);
