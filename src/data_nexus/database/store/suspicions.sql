-- name: note_suspicions
-- Note why assets are to be read again; one that is noted already keeps its place, and with a later
-- session it begins anew, also if it was accepted.
INSERT INTO suspicions AS s (asset_id, reason, session, read_after, answer)
SELECT DISTINCT ON (asset_id, reason) asset_id, reason, session, read_after, answer
FROM unnest(
    %(asset_ids)s::int[], %(reasons)s::text[], %(sessions)s::date[], %(moments)s::timestamptz[],
    %(answers)s::text[]
) AS t (asset_id, reason, session, read_after, answer)
ORDER BY asset_id, reason, session DESC
ON CONFLICT (asset_id, reason) DO UPDATE
SET session = excluded.session, noted_at = excluded.noted_at, times = 0,
    answer = excluded.answer,
    read_after = least(s.read_after, excluded.read_after), accepted_at = NULL
WHERE excluded.session > s.session

-- name: read_suspicions
-- Why some assets are to be read again, how often they have been, and whether it is time for it. What
-- a comparison has shown and a person has accepted is confirmed by the next reading that shows the same.
SELECT asset_id, reason, session,
       CASE WHEN accepted_at IS NULL THEN times ELSE %(confirming)s END AS times,
       accepted_at IS NOT NULL OR read_after <= %(moment)s AS is_due,
       answer
FROM suspicions
WHERE asset_id = ANY (%(asset_ids)s::int[])
  AND (accepted_at IS NULL OR reason = ANY (%(seen_by_comparison)s::text[]))

-- name: settle_suspicions
-- Forget the suspicions that an answer has ended, and give the others their next moment. One that a
-- person has accepted stays as it is: what is forgotten could be noted again.
WITH answered AS (
    SELECT *
    FROM unnest(
        %(asset_ids)s::int[], %(reasons)s::text[], %(moments)s::timestamptz[],
        %(times)s::int[], %(answers)s::text[]
    ) AS t (asset_id, reason, read_after, times, answer)
), ended AS (
    DELETE FROM suspicions s
    USING answered a
    WHERE s.asset_id = a.asset_id AND s.reason = a.reason AND s.accepted_at IS NULL
      AND a.read_after IS NULL
)
UPDATE suspicions s
SET times = a.times, read_after = a.read_after, answer = a.answer
FROM answered a
WHERE s.asset_id = a.asset_id AND s.reason = a.reason AND s.accepted_at IS NULL
  AND a.read_after IS NOT NULL

-- name: read_changed
-- The symbols of the assets with a reason to be read whole that no answer has ended yet.
SELECT a.symbol, a.exchange
FROM suspicions s
JOIN assets a ON a.id = s.asset_id
WHERE s.reason = %(reason)s AND s.read_after < 'infinity'

-- name: claim_suspected
-- Claim the next assets that are to be read again because something about them is in doubt.
WITH doubted AS (
    SELECT asset_id, min(read_after) AS position FROM suspicions GROUP BY asset_id
), candidates AS (
    SELECT a.id, d.position, NULL::date AS published
    FROM doubted d
    JOIN active_assets a ON a.id = d.asset_id
    WHERE d.position <= %(synced_before)s::timestamptz
      AND (d.position, a.id)
          > (coalesce(%(after_synced)s::timestamptz, '-infinity'), %(after_id)s::int)
      AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
      AND (%(asset_ids)s::int[] IS NULL OR a.id = ANY (%(asset_ids)s))
      AND a.last_bar IS NOT NULL
      AND a.lease_owner IS NULL
      AND (a.times_rescued > 0) = %(suspect)s
    ORDER BY d.position, a.id
    LIMIT %(limit)s
    FOR UPDATE OF a SKIP LOCKED
)
{lease_candidates}

-- name: count_suspected
-- Count by exchange the assets that are to be read again.
SELECT a.exchange, count(DISTINCT a.id) AS assets
FROM suspicions s
JOIN active_assets a ON a.id = s.asset_id
WHERE s.read_after <= coalesce(%(moment)s::timestamptz, now())
  AND a.last_bar IS NOT NULL
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
  AND (%(asset_ids)s::int[] IS NULL OR a.id = ANY (%(asset_ids)s))
GROUP BY a.exchange
ORDER BY a.exchange

-- name: end_suspicions
-- Forget one reason to read some assets again.
DELETE FROM suspicions WHERE reason = %(reason)s AND asset_id = ANY (%(asset_ids)s::int[])

-- name: suspect_unexplained
-- Note the assets whose adjusted closes have lately become unexplained: the vendor may be late. One
-- that was accepted begins anew if a later action is in doubt; what reaches to the last bar is as old
-- as before.
INSERT INTO suspicions AS s (asset_id, reason, session, read_after)
SELECT f.asset_id, %(reason)s, f.last_date, %(moment)s
FROM findings f
WHERE f.rule = %(rule)s AND f.last_date >= %(since)s
  AND NOT EXISTS (
      SELECT
      FROM suspicions k
      JOIN assets a ON a.id = k.asset_id
      WHERE k.asset_id = f.asset_id AND k.reason = %(reason)s
        AND (k.accepted_at IS NULL OR f.last_date <= k.session OR f.last_date >= a.last_bar)
  )
ON CONFLICT (asset_id, reason) DO UPDATE
SET session = excluded.session, noted_at = excluded.noted_at, times = 0,
    read_after = excluded.read_after, accepted_at = NULL
WHERE s.accepted_at IS NOT NULL

-- name: note_open
-- Forget the assets that are settled by now, and note some that should be after an update in bulk and
-- are not. What many have in common is left to the next look back, unless it is too old for that.
WITH expected AS (
    SELECT *
    FROM unnest(
        %(exchanges)s::text[], %(venues)s::text[], %(asset_types)s::text[],
        %(published)s::date[], %(settled)s::date[]
    ) AS t (exchange, venue, asset_type, published, settled)
), ended AS (
    DELETE FROM suspicions s
    USING assets a
    WHERE s.reason = %(reason)s AND a.id = s.asset_id AND a.settled_through >= s.session
), open_ones AS (
    SELECT q.id, q.settled_through, e.settled,
           count(*) OVER (PARTITION BY q.exchange, q.settled_through) AS alike
    FROM queued_assets q
    JOIN expected e USING (exchange, venue, asset_type)
    WHERE q.synced_through >= e.published
      AND coalesce(q.settled_through, '-infinity') < e.settled
      AND q.last_bar IS NOT NULL
      AND q.ask_after IS NULL
)
INSERT INTO suspicions (asset_id, reason, session, read_after)
SELECT id, %(reason)s, settled, %(moment)s
FROM open_ones
WHERE (alike <= %(most)s OR coalesce(settled_through, '-infinity') < settled - %(deepest_days)s::int)
  AND NOT EXISTS (
      SELECT FROM suspicions s
      WHERE s.asset_id = id AND (s.reason = %(reason)s OR s.read_after < 'infinity')
  )
ORDER BY coalesce(settled_through, '-infinity'), id
LIMIT %(most)s
ON CONFLICT DO NOTHING

-- name: count_recent_bars
-- How many bars some assets have since a day.
SELECT asset_id, count(*) AS bars
FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date >= %(since)s
GROUP BY asset_id

-- name: recent_closes
-- The closes of some assets within a range of days, by date.
SELECT asset_id, array_agg(close ORDER BY date) AS closes
FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date >= %(since)s AND date <= %(through)s
GROUP BY asset_id
