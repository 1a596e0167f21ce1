-- Count what the queue may hand out, by place and cursor; absent assets whose time has come, too.
SELECT exchange, venue, asset_type, synced_through, count(*) AS assets
FROM assets
WHERE is_active
  AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
  AND NOT (is_delisted AND last_synced IS NOT NULL)
  AND (ask_after IS NULL OR ask_after <= coalesce(%(moment)s::timestamptz, now()))
  AND parked_at IS NULL
  AND retired_at IS NULL
GROUP BY exchange, venue, asset_type, synced_through
ORDER BY exchange, venue, asset_type, synced_through;
