-- name: claim_due
-- Claim the next due assets after a position in the queue: oldest answer first, never answered before all.
WITH candidates AS (
    SELECT id, last_synced AS position, NULL::date AS published
    FROM queued_assets
    WHERE (coalesce(last_synced, '-infinity'::timestamptz), id)
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND coalesce(last_synced, '-infinity'::timestamptz) < %(synced_before)s::timestamptz
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
      AND ask_after IS NULL
      AND lease_owner IS NULL
      AND (times_rescued > 0) = %(suspect)s
    ORDER BY coalesce(last_synced, '-infinity'::timestamptz), id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
{lease_candidates}

-- name: claim_behind
-- Claim the next assets whose cursor is behind the last published session, in the order of the queue.
-- An asset that has answered since the walk began, or since the moment of its segment, and is still
-- behind waits for another run: its session is late.
WITH candidates AS (
    SELECT q.id, q.last_synced AS position, p.published
    FROM queued_assets q
    JOIN unnest(
        %(exchanges)s::text[], %(venues)s::text[], %(asset_types)s::text[], %(published)s::date[],
        %(answered_before)s::timestamptz[]
    ) AS p (exchange, venue, asset_type, published, answered_before)
      USING (exchange, venue, asset_type)
    WHERE (coalesce(q.last_synced, '-infinity'::timestamptz), q.id)
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND coalesce(q.last_synced, '-infinity'::timestamptz) < %(synced_before)s::timestamptz
      -- One condition: the planner takes two for rare, and would not read the queue in its order.
      AND CASE
          WHEN coalesce(q.last_synced, '-infinity'::timestamptz) < p.answered_before
          THEN q.synced_through IS NULL OR q.synced_through < p.published
      END
      AND q.ask_after IS NULL
      AND (%(asset_ids)s::int[] IS NULL OR q.id = ANY (%(asset_ids)s))
      AND q.lease_owner IS NULL
      AND (q.times_rescued > 0) = %(suspect)s
    ORDER BY coalesce(q.last_synced, '-infinity'::timestamptz), q.id
    LIMIT %(limit)s
    FOR UPDATE OF q SKIP LOCKED
)
{lease_candidates}

-- name: claim_wanted
-- Claim the next assets whose splits and dividends are to be fetched, in the order of the queue.
WITH candidates AS (
    SELECT id, last_synced AS position, NULL::date AS published
    FROM active_assets
    WHERE actions_wanted_at <= now()
      AND (coalesce(last_synced, '-infinity'::timestamptz), id)
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
      AND lease_owner IS NULL
      AND (times_rescued > 0) = %(suspect)s
    ORDER BY coalesce(last_synced, '-infinity'::timestamptz), id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
{lease_candidates}

-- name: claim_sampled
-- Claim the next assets of a sample whose splits and dividends were not read yet.
WITH candidates AS (
    SELECT a.id, d.drawn_at AS position, NULL::date AS published
    FROM action_samples d
    JOIN active_assets a ON a.id = d.asset_id
    WHERE d.read_at IS NULL
      AND d.drawn_at <= %(synced_before)s::timestamptz
      AND (d.drawn_at, a.id)
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
      AND a.lease_owner IS NULL
      AND (a.times_rescued > 0) = %(suspect)s
    ORDER BY d.drawn_at, a.id
    LIMIT %(limit)s
    FOR UPDATE OF a SKIP LOCKED
)
{lease_candidates}

-- name: claim_audit
-- Claim the histories that were read as a whole the longest ago, delisted and resting assets included.
WITH candidates AS (
    SELECT id, read_whole_at AS position, NULL::date AS published
    FROM active_assets
    WHERE last_bar IS NOT NULL
      AND (coalesce(read_whole_at, '-infinity'::timestamptz), id)
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND coalesce(read_whole_at, '-infinity'::timestamptz) < %(synced_before)s::timestamptz
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND lease_owner IS NULL
      AND (times_rescued > 0) = %(suspect)s
    ORDER BY coalesce(read_whole_at, '-infinity'::timestamptz), id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
{lease_candidates}

-- name: claim_damaged
-- Claim the next histories that are marked as damaged, delisted and resting assets included.
WITH candidates AS (
    SELECT id, repair_wanted_at AS position, NULL::date AS published
    FROM assets
    WHERE (repair_wanted_at, id)
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND repair_wanted_at <= %(synced_before)s::timestamptz
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
      AND parked_at IS NULL
      AND retired_at IS NULL
      AND lease_owner IS NULL
      AND (times_rescued > 0) = %(suspect)s
    ORDER BY repair_wanted_at, id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
{lease_candidates}

-- name: lease_candidates
-- Lease the candidates of a claim to a worker, each under a new fence; the end of every claim.
UPDATE assets a
SET lease_owner = %(owner)s,
    lease_until = now() + make_interval(secs => %(lease_sec)s),
    fence = a.fence + 1
FROM candidates c
WHERE a.id = c.id
RETURNING a.id, a.symbol, a.exchange, a.fence, a.synced_through, a.times_empty, a.last_bar,
          a.settled_through, a.venue, a.asset_type, c.published, c.position

-- name: count_due
-- Count the assets that a run may claim, up to a limit.
SELECT count(*)
FROM (
    SELECT
    FROM queued_assets
    WHERE coalesce(last_synced, '-infinity'::timestamptz) < %(synced_before)s::timestamptz
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
      AND ask_after IS NULL
      AND lease_owner IS NULL
    LIMIT %(limit)s
) AS due

-- name: count_behind
-- Count what a claim by the calendar could hand out, by market segment and cursor.
SELECT q.exchange, q.venue, q.asset_type, q.synced_through, count(*) AS assets
FROM queued_assets q
JOIN unnest(
    %(exchanges)s::text[], %(venues)s::text[], %(asset_types)s::text[], %(published)s::date[],
    %(answered_before)s::timestamptz[]
) AS p (exchange, venue, asset_type, published, answered_before)
  USING (exchange, venue, asset_type)
WHERE coalesce(q.last_synced, '-infinity'::timestamptz) < least(%(synced_before)s::timestamptz, p.answered_before)
  AND (q.synced_through IS NULL OR q.synced_through < p.published)
  AND q.ask_after IS NULL
  AND (%(asset_ids)s::int[] IS NULL OR q.id = ANY (%(asset_ids)s))
  AND q.lease_owner IS NULL
GROUP BY q.exchange, q.venue, q.asset_type, q.synced_through
ORDER BY q.exchange, q.venue, q.asset_type, q.synced_through

-- name: count_damaged
-- Count the damaged histories that a repair may claim, up to a limit.
SELECT count(*)
FROM (
    SELECT
    FROM assets
    WHERE repair_wanted_at <= %(synced_before)s::timestamptz
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
      AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
      AND parked_at IS NULL
      AND retired_at IS NULL
      AND lease_owner IS NULL
    LIMIT %(limit)s
) AS damaged

-- name: renew_leases
-- Extend leases of this worker; those being committed need it no more.
WITH held AS (
    SELECT id FROM assets WHERE lease_owner = %(owner)s AND id = ANY (%(asset_ids)s::int[]) FOR UPDATE SKIP LOCKED
)
UPDATE assets a
SET lease_until = now() + make_interval(secs => %(lease_sec)s)
FROM held
WHERE a.id = held.id
RETURNING a.id

-- name: release_leases
-- Give leases back without an answer; the assets stay due. A failed one is counted as such,
-- and has shown that it does not end its worker.
UPDATE assets a
SET lease_owner = NULL,
    lease_until = NULL,
    times_rescued = CASE WHEN held.failed THEN 0 ELSE a.times_rescued END,
    times_failed = CASE WHEN held.failed THEN least(a.times_failed + 1, 32767) ELSE a.times_failed END
FROM unnest(%(asset_ids)s::int[], %(fences)s::bigint[], %(failed)s::bool[]) AS held (id, fence, failed)
WHERE a.id = held.id AND a.fence = held.fence AND a.lease_owner = %(owner)s

-- name: release_all
-- Give back all that a worker still holds when its run ends; the assets stay due.
UPDATE assets
SET lease_owner = NULL, lease_until = NULL
WHERE lease_owner = %(owner)s

-- name: release_unknown
-- Give back what a worker holds without knowing it: a claim was done, and its answer was lost.
UPDATE assets
SET lease_owner = NULL, lease_until = NULL
WHERE lease_owner = %(owner)s AND id <> ALL (%(asset_ids)s::int[])

-- name: free_lost_leases
-- Free the leases that ran out, and those whose worker has left: its session's advisory lock is gone.
-- A row that an ending session still holds is left for the next time. A lease older than the server
-- proves nothing against its asset: all workers lost their sessions when the server restarted.
WITH lost AS (
    SELECT id
    FROM assets
    WHERE lease_owner IS NOT NULL
      AND (
          lease_until < now()
          OR NOT EXISTS (
              SELECT
              FROM (
{living_owners}
              ) AS l
              WHERE l.owner = lease_owner
          )
      )
    FOR UPDATE SKIP LOCKED
)
UPDATE assets a
SET lease_owner = NULL,
    lease_until = NULL,
    times_rescued = CASE
        WHEN lease_until < pg_postmaster_start_time()
            OR lease_until > now()
            AND lease_until - make_interval(secs => %(lease_sec)s) < pg_postmaster_start_time()
            THEN a.times_rescued
        ELSE least(a.times_rescued + 1, 32767)
    END
FROM lost
WHERE a.id = lost.id
RETURNING a.id

-- name: park_rescued
-- Park the assets that ended their worker too often: three times in a row is not by accident.
WITH parked AS (
    UPDATE assets
    SET parked_at = now(), lease_owner = NULL, lease_until = NULL
    WHERE times_rescued >= %(most)s AND parked_at IS NULL AND is_active
      AND lease_owner IS NULL
    RETURNING id, times_rescued
)
INSERT INTO dead_letters AS d (asset_id, endpoint, request, reason)
SELECT id, 'eod', '', 'its worker ended ' || times_rescued || ' times in a row while it held the asset'
FROM parked
ON CONFLICT (asset_id, endpoint) DO UPDATE
SET request = excluded.request, status = NULL, reason = excluded.reason, excerpt = '',
    body_sha256 = NULL, last_at = now(), count = d.count + 1

-- name: park_asset
-- Park an asset: it waits for a person, and the dead letter says why. Only under its lease.
WITH parked AS (
    UPDATE assets
    SET parked_at = now(), lease_owner = NULL, lease_until = NULL
    WHERE id = %(asset_id)s AND fence = %(fence)s AND lease_owner = %(owner)s
    RETURNING id
), letter AS (
    INSERT INTO dead_letters AS d (asset_id, endpoint, request, status, reason, excerpt, body_sha256)
    SELECT id, %(endpoint)s, %(request)s, %(status)s, %(reason)s, %(excerpt)s, %(body_sha256)s
    FROM parked
    ON CONFLICT (asset_id, endpoint) DO UPDATE
    SET request = excluded.request, status = excluded.status, reason = excluded.reason,
        excerpt = excluded.excerpt, body_sha256 = excluded.body_sha256,
        last_at = now(), count = d.count + 1
    RETURNING asset_id
)
SELECT asset_id FROM letter
UNION ALL
-- Done before, and the answer was lost.
SELECT id FROM assets WHERE id = %(asset_id)s AND fence = %(fence)s AND parked_at IS NOT NULL

-- name: requeue_absent
-- Put assets that had no bars back into the queue when it is time to fetch them again. A rest that is
-- longer than any, by its doubling and a closed exchange after it, was begun by a clock that ran ahead.
UPDATE assets
SET ask_after = NULL
WHERE ask_after <= coalesce(%(moment)s::timestamptz, now())
   OR ask_after > greatest(%(moment)s::timestamptz, now())
       + interval '1 day' * (least(power(2, greatest(times_empty - 1, 0)), %(longest_days)s) + %(closure_days)s)

-- name: take_back_moments
-- Take back what a clock that ran ahead has left: an answer is not later than now, nor do actions that
-- are wanted wait for longer than they are ever put off.
UPDATE assets
SET last_synced = CASE WHEN last_synced > now() THEN now() ELSE last_synced END,
    read_whole_at = CASE WHEN read_whole_at > now() THEN now() ELSE read_whole_at END,
    actions_read_at = CASE WHEN actions_read_at > now() THEN now() ELSE actions_read_at END,
    actions_wanted_at = CASE
        WHEN actions_wanted_at > now() + %(put_off_days)s * interval '1 day' THEN now()
        ELSE actions_wanted_at
    END
WHERE last_synced > now() + interval '1 hour'
   OR read_whole_at > now() + interval '1 hour'
   OR actions_read_at > now() + interval '1 hour'
   OR actions_wanted_at > now() + %(put_off_days)s * interval '1 day' + interval '1 hour'

-- name: read_witnesses
-- Assets by which to see whether the vendor answers anybody: those that answered last, or else any.
SELECT symbol, exchange
FROM active_assets
WHERE id <> ALL (%(asset_ids)s::int[])
ORDER BY last_bar IS NULL, is_delisted, last_synced DESC NULLS LAST, random()
LIMIT %(limit)s

-- name: living_owners
-- The workers that hold a session's advisory lock: it goes with their process (ADR 14).
SELECT (classid::bigint << 32) | objid::bigint AS owner
FROM pg_locks
WHERE locktype = 'advisory'
  AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())

-- name: hold_presence
-- Show that this worker lives, as the lock goes with the session; and name the moment.
SELECT clock_timestamp() AS moment, pg_advisory_lock(%(owner)s)
