-- Claim the next assets whose cursor is behind what is out by now, in the order of the queue. Who has
-- answered since the walk began and is behind all the same waits for another run: its session is late.
WITH due AS (
    SELECT a.id, p.published
    FROM assets a
    JOIN unnest(
        %(exchanges)s::text[], %(venues)s::text[], %(asset_types)s::text[], %(published)s::date[]
    ) AS p (exchange, venue, asset_type, published) USING (exchange, venue, asset_type)
    WHERE a.is_active
      AND (coalesce(a.last_synced, '-infinity'::timestamptz), a.id)
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND coalesce(a.last_synced, '-infinity'::timestamptz) < %(synced_before)s::timestamptz
      AND (a.synced_through IS NULL OR a.synced_through < p.published)
      AND NOT (a.is_delisted AND a.last_synced IS NOT NULL)
      AND a.ask_after IS NULL
      AND a.lease_owner IS NULL
      AND a.parked_at IS NULL
      AND (a.times_rescued > 0) = %(suspect)s
      AND a.retired_at IS NULL
    ORDER BY coalesce(a.last_synced, '-infinity'::timestamptz), a.id
    LIMIT %(limit)s
    FOR UPDATE OF a SKIP LOCKED
)
UPDATE assets a
SET lease_owner = %(owner)s,
    lease_until = now() + make_interval(secs => %(lease_sec)s),
    fence = a.fence + 1
FROM due
WHERE a.id = due.id
RETURNING a.id, a.symbol, a.exchange, a.fence, a.synced_through, a.times_empty, a.last_synced,
          a.last_bar, due.published;
