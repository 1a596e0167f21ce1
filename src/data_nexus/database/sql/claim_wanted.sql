-- Claim the next assets whose splits and dividends are to be asked for, in the order of the queue.
WITH wanted AS (
    SELECT id
    FROM assets
    WHERE actions_wanted_at <= now()
      AND (coalesce(last_synced, '-infinity'::timestamptz), id)
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND is_active
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
FROM wanted
WHERE a.id = wanted.id
RETURNING a.id, a.symbol, a.exchange, a.fence, a.synced_through, a.times_empty, a.last_synced,
          a.last_bar, NULL::date AS published;
