-- Claim the next due assets after a position in the queue: oldest answer first, never answered before all.
WITH due AS (
    SELECT id
    FROM assets
    WHERE is_active
      AND (coalesce(last_synced, '-infinity'::timestamptz), id) 
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND coalesce(last_synced, '-infinity'::timestamptz) < %(synced_before)s::timestamptz
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
      AND NOT (is_delisted AND last_synced IS NOT NULL)
      AND ask_after IS NULL
      AND lease_owner IS NULL
      AND parked_at IS NULL
      AND (times_rescued > 0) = %(suspect)s
      AND retired_at IS NULL
    ORDER BY coalesce(last_synced, '-infinity'::timestamptz), id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE assets a
SET lease_owner = %(owner)s,
    lease_until = now() + make_interval(secs => %(lease_sec)s),
    fence = a.fence + 1
FROM due
WHERE a.id = due.id
RETURNING a.id, a.symbol, a.exchange, a.fence, a.synced_through, a.times_empty, a.last_synced,
          a.last_bar, NULL::date AS published;
