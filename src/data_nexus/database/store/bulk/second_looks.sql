-- name: read_passed_assets
-- The assets of an exchange whose cursor has passed a session: fence and last bar. They are not held:
-- a worker that leases one meanwhile raises its fence.
SELECT q.id, q.symbol, q.fence, q.last_bar - '1970-01-01'::date
FROM queued_assets q
JOIN unnest(%(venues)s::text[], %(asset_types)s::text[]) AS p (venue, asset_type)
  USING (venue, asset_type)
WHERE q.exchange = %(exchange)s
  AND q.synced_through >= %(session)s
  AND coalesce(q.settled_through, '-infinity') < %(session)s
  AND q.last_bar IS NOT NULL
  AND q.lease_owner IS NULL
  AND q.times_rescued = 0
ORDER BY q.id

-- name: read_session_bars
-- The stored bars of some assets of one session.
SELECT asset_id, open, high, low, close, adjusted_close, volume
FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date = %(session)s

-- name: read_bars_before
-- The last bar of some assets before a session, if it is not older than some weeks.
SELECT DISTINCT ON (asset_id) asset_id, date - '1970-01-01'::date, close, adjusted_close
FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date < %(session)s AND date >= %(session)s::date - 45
ORDER BY asset_id, date DESC

-- name: log_second_look
-- Put assets with a restated or a late bar under new fences, and log it; return those that were not
-- leased meanwhile.
WITH written AS (
    SELECT *
    FROM unnest(%(asset_ids)s::int[], %(fences)s::bigint[], %(are_late)s::bool[])
        AS t (asset_id, fence, is_late)
), moved AS (
    UPDATE assets a
    SET fence = a.fence + 1,
        last_synced = now(),
        last_bar = CASE WHEN is_late THEN greatest(a.last_bar, %(session)s) ELSE a.last_bar END
    FROM written w
    WHERE a.id = w.asset_id AND a.fence = w.fence AND a.lease_owner IS NULL
    RETURNING a.id, a.fence, is_late
), logged AS (
    INSERT INTO sync_log (
        asset_id, fence, run_id, outcome, window_first, window_last, received, inserted, revised,
        unchanged, rejected, flagged, calls, requests, body_sha256, arrived, passed_to
    )
    SELECT id, fence, %(run_id)s, 'stored', %(session)s, %(session)s, 1, is_late::int,
           (NOT is_late)::int, 0, 0, '{}', 0, 0, %(sha256)s,
           CASE WHEN is_late THEN datemultirange(daterange(%(session)s, %(session)s, '[]')) END,
           %(session)s
    FROM moved
)
SELECT id FROM moved

-- name: revise_bars
-- Replace bars of a session by what the vendor says now, and keep what they were.
WITH restated AS (
    SELECT *
    FROM unnest(
        %(asset_ids)s::int[], %(opens)s::float8[], %(highs)s::float8[], %(lows)s::float8[],
        %(closes)s::float8[], %(adjusted_closes)s::float8[], %(volumes)s::float8[]
    ) AS t (asset_id, open, high, low, close, adjusted_close, volume)
), revised AS (
    INSERT INTO market_data_revisions
        (asset_id, date, valid_until, open, high, low, close, adjusted_close, volume)
    SELECT asset_id, date, now(), open, high, low, close, adjusted_close, volume
    FROM market_data
    WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date = %(session)s
)
UPDATE market_data m
SET open = r.open, high = r.high, low = r.low, close = r.close,
    adjusted_close = r.adjusted_close, volume = r.volume
FROM restated r
WHERE m.asset_id = r.asset_id AND m.date = %(session)s

-- name: settle_compared
-- Call a session settled of the assets that were compared at it and have nothing open before it. Of
-- one that a worker has leased meanwhile its answer decides.
UPDATE assets
SET settled_through = %(session)s
WHERE id = ANY (%(asset_ids)s::int[])
  AND settled_through >= %(before)s
  AND settled_through < %(session)s
  AND synced_through >= %(session)s
  AND lease_owner IS NULL
