-- The assets that a session in bulk can carry on: those that lack no session before it.
SELECT a.id, a.symbol, a.last_bar
FROM assets a
JOIN unnest(%(venues)s::text[], %(asset_types)s::text[]) AS p (venue, asset_type)
  USING (venue, asset_type)
WHERE a.exchange = %(exchange)s
  AND a.synced_through >= %(since)s
  AND a.synced_through < %(session)s
  AND a.is_active
  AND NOT (a.is_delisted AND a.last_synced IS NOT NULL)
  AND a.ask_after IS NULL
  AND a.parked_at IS NULL
  AND a.retired_at IS NULL
ORDER BY a.id;
