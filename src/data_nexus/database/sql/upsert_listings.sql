-- Add the new listings of a staged symbol list, and bring the known ones in line where they differ.
INSERT INTO assets AS a
    (symbol, exchange, venue, name, asset_type, country, currency, isin, is_active, is_delisted)
SELECT s.symbol, %(exchange)s, s.venue, s.name, s.asset_type, s.country, s.currency, s.isin, true, %(delisted)s
FROM staged_listings s
ORDER BY s.symbol
ON CONFLICT (exchange, symbol) WHERE retired_at IS NULL DO UPDATE
SET venue = excluded.venue,
    name = excluded.name,
    asset_type = excluded.asset_type,
    country = excluded.country,
    currency = excluded.currency,
    isin = excluded.isin,
    is_active = true,
    is_delisted = excluded.is_delisted,
    -- A listing that returns may have bars again, whatever was found before.
    ask_after = CASE WHEN a.is_active THEN a.ask_after END
WHERE NOT (excluded.is_delisted AND a.is_active AND NOT a.is_delisted)
  AND (a.is_active, a.is_delisted, a.venue, a.name, a.asset_type, a.country, a.currency, a.isin)
      IS DISTINCT FROM
      (true, excluded.is_delisted, excluded.venue, excluded.name, excluded.asset_type,
       excluded.country, excluded.currency, excluded.isin);
