-- name: lock_batch
-- Lock the assets of a batch whose leases are still this worker's; those left out were taken over.
SELECT a.id
FROM assets a
JOIN unnest(%(asset_ids)s::int[], %(fences)s::bigint[]) AS held (id, fence)
  ON a.id = held.id AND a.fence = held.fence
WHERE a.lease_owner = %(owner)s
ORDER BY a.id
FOR UPDATE OF a

-- name: copy_bars
-- First load: bars go straight into the table, in the order of its key.
COPY market_data (asset_id, date, open, high, low, close, adjusted_close, volume) FROM STDIN (FORMAT binary)

-- name: count_logged
-- How many bars some assets should have by the sync log, up to where each is known absent, and the
-- ranges of dates in which bars have ever arrived.
SELECT asset_id, sum(inserted - lost - withdrawn)::int AS bars, max(passed_to) AS passed_to,
       (
           SELECT range_agg(one)
           FROM sync_log k, unnest(k.arrived) AS one
           WHERE k.asset_id = l.asset_id
       ) AS arrived
FROM sync_log l
WHERE asset_id = ANY (%(asset_ids)s::int[])
GROUP BY asset_id

-- name: insert_rejects
-- Store the rejected rows of a batch, once each however often the vendor repeats them.
INSERT INTO rejected_rows (asset_id, date, rule, excerpt)
SELECT *
FROM unnest(%(asset_ids)s::int[], %(dates)s::date[], %(rules)s::text[], %(excerpts)s::text[])
ON CONFLICT DO NOTHING

-- name: replace_findings
-- Make the findings of some assets, by the rules that they were judged by, what was found now; one
-- that was found before keeps its moment.
WITH found AS (
    SELECT *
    FROM unnest(
        %(found_ids)s::int[], %(rules)s::text[], %(firsts)s::date[], %(lasts)s::date[],
        %(counts)s::int[], %(worsts)s::float8[], %(details)s::text[]
    ) AS t (asset_id, rule, first_date, last_date, count, worst, detail)
), gone AS (
    DELETE FROM findings f
    USING unnest(%(judged_ids)s::int[], %(judged_rules)s::text[]) AS judged (asset_id, rule)
    WHERE f.asset_id = judged.asset_id
      AND f.rule = judged.rule
      AND NOT EXISTS (SELECT FROM found n WHERE n.asset_id = f.asset_id AND n.rule = f.rule)
)
INSERT INTO findings AS f (asset_id, rule, first_date, last_date, count, worst, detail)
SELECT * FROM found
ON CONFLICT (asset_id, rule) DO UPDATE
SET first_date = excluded.first_date,
    last_date = excluded.last_date,
    count = excluded.count,
    worst = excluded.worst,
    detail = excluded.detail
WHERE (f.first_date, f.last_date, f.count, f.worst, f.detail)
    IS DISTINCT FROM (
        excluded.first_date, excluded.last_date, excluded.count, excluded.worst, excluded.detail
    )

-- name: settle_batch
-- Move the cursors of a batch, give its leases back and log what it brought.
WITH settled AS (
    SELECT *
    FROM jsonb_to_recordset(%(settled)s::jsonb) AS t (
        asset_id int, fence bigint, outcome text, window_first date, window_last date,
        received int, inserted int, revised int, unchanged int, rejected int, flagged jsonb,
        calls int, requests int, body_sha256 text, last_date date, absent_days float8,
        arrived datemultirange, passes_to date, settles_to date, is_quiet bool, wants_actions bool, is_whole bool,
        cause text, moment timestamptz, is_counted bool, lost int, withdrawn int, stored_to date, known_to date,
        is_damaged bool, is_confirmed bool
    )
), logged AS (
    INSERT INTO sync_log (
        asset_id, fence, run_id, outcome, window_first, window_last, received, inserted, revised,
        unchanged, rejected, flagged, calls, requests, body_sha256, arrived, passed_to,
        cause, lost, withdrawn
    )
    SELECT asset_id, fence, %(run_id)s::int, outcome, window_first, window_last, received, inserted,
           revised, unchanged, rejected, flagged, calls, requests, body_sha256, arrived,
           passes_to, cause, lost, withdrawn
    FROM settled
), healed AS (
    DELETE FROM dead_letters d USING settled s WHERE d.asset_id = s.asset_id
), moved AS (
    -- Of a history that was read whole again it is known what is stored: a cursor ahead of that
    -- comes back.
    SELECT s.*, greatest(
        CASE
            WHEN s.is_counted THEN greatest(least(s.stored_to, a.synced_through), s.known_to)
            ELSE a.synced_through
        END,
        s.passes_to
    ) AS synced_to
    FROM settled s
    JOIN assets a ON a.id = s.asset_id
)
UPDATE assets a
SET last_synced = CASE WHEN s.outcome = 'stored' THEN now() ELSE a.last_synced END,
    synced_through = s.synced_to,
    -- One that is ahead of the cursor was not set by an answer.
    settled_through = least(greatest(a.settled_through, s.settles_to), s.synced_to),
    last_bar = greatest(CASE WHEN s.is_counted THEN s.stored_to ELSE a.last_bar END, s.last_date),
    repair_wanted_at = CASE
        WHEN s.is_damaged THEN coalesce(a.repair_wanted_at, now())
        WHEN s.is_confirmed OR s.is_whole AND s.outcome = 'stored' THEN NULL
        ELSE a.repair_wanted_at
    END,
    read_whole_at = CASE WHEN s.is_whole THEN now() ELSE a.read_whole_at END,
    -- An audit or a repair that brings no new bar lets the asset rest as before.
    ask_after = CASE
        WHEN s.cause IS NOT NULL AND s.last_date <= a.last_bar THEN a.ask_after
        ELSE coalesce(s.moment, now()) + s.absent_days * interval '1 day'
    END,
    times_empty = CASE
        WHEN s.cause IS NOT NULL AND s.last_date <= a.last_bar THEN a.times_empty
        WHEN s.is_quiet THEN least(a.times_empty + 1, 32767)
        ELSE 0
    END,
    times_failed = 0,
    times_rescued = 0,
    actions_wanted_at = CASE
        WHEN s.wants_actions THEN coalesce(a.actions_wanted_at, now())
        WHEN NOT s.wants_actions THEN NULL
        ELSE a.actions_wanted_at
    END,
    lease_owner = NULL,
    lease_until = NULL
FROM moved s
WHERE a.id = s.asset_id

-- name: settled_fences
-- Say which leases of a batch have been settled: the answer when a COMMIT's own answer was lost.
SELECT l.asset_id
FROM sync_log l
JOIN unnest(%(asset_ids)s::int[], %(fences)s::bigint[]) AS held (id, fence)
  ON l.asset_id = held.id AND l.fence = held.fence

-- name: await_leases
-- Wait until no session holds these assets any more: a commit under way has then ended, either way.
SELECT id FROM assets WHERE id = ANY (%(asset_ids)s::int[]) ORDER BY id FOR UPDATE

-- name: read_overlap
-- The stored bars of an asset from a date on, for comparison with an answer.
SELECT date - '1970-01-01'::date, open, high, low, close, adjusted_close, volume
FROM market_data
WHERE asset_id = %(asset_id)s AND date >= %(first)s
ORDER BY date
