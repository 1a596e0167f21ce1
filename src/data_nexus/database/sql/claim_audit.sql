-- Claim the histories that were read as a whole the longest ago; those of dead and resting assets, too.
WITH due AS (
    SELECT id
    FROM assets
    WHERE last_bar IS NOT NULL
      AND (coalesce(read_whole_at, '-infinity'::timestamptz), id)
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND coalesce(read_whole_at, '-infinity'::timestamptz) < %(synced_before)s::timestamptz
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND is_active
      AND lease_owner IS NULL
      AND parked_at IS NULL
      AND (times_rescued > 0) = %(suspect)s
      AND retired_at IS NULL
    ORDER BY coalesce(read_whole_at, '-infinity'::timestamptz), id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE assets a
SET lease_owner = %(owner)s,
    lease_until = now() + make_interval(secs => %(lease_sec)s),
    fence = a.fence + 1
FROM due
WHERE a.id = due.id
RETURNING a.id, a.symbol, a.exchange, a.fence, a.synced_through, a.times_empty, a.read_whole_at,
          a.last_bar, NULL::date AS published;
