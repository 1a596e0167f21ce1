-- name: due_by_exchange
-- Count what is due in each exchange.
SELECT exchange, count(*) AS assets
FROM queued_assets
WHERE coalesce(last_synced, '-infinity'::timestamptz) < now() - %(days_old)s * interval '1 day'
  AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
  AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
  AND (ask_after IS NULL OR ask_after <= now())
GROUP BY exchange
ORDER BY exchange

-- name: live_workers
-- The workers that have been seen lately and whose process lives, the oldest first. A standby has no
-- locks of them.
SELECT started_at, seen_at, state
FROM workers
WHERE seen_at BETWEEN now() - interval '2 minutes' AND now() + interval '2 minutes'
  AND (
      pg_is_in_recovery()
      OR owner IN (
{living_owners}
      )
  )
ORDER BY started_at

-- name: discovered_exchanges
-- The exchanges with assets.
SELECT DISTINCT exchange FROM assets ORDER BY exchange
