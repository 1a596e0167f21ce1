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

-- name: create_staging
-- Where a re-read's bars wait to be compared with the stored ones; emptied at each commit.
CREATE TEMPORARY TABLE IF NOT EXISTS staged_bars (LIKE market_data) ON COMMIT DELETE ROWS

-- name: stage_bars
-- Re-read: bars go into the staging table first.
COPY staged_bars (asset_id, date, open, high, low, close, adjusted_close, volume) FROM STDIN (FORMAT binary)

-- name: merge_bars
-- Re-read: add new bars, replace changed ones, keep what they were, leave the same untouched; count per asset.
WITH compared AS MATERIALIZED (
    SELECT s.*,
           m.asset_id IS NULL AS is_new,
           (m.open, m.high, m.low, m.close, m.adjusted_close, m.volume)
               IS DISTINCT FROM (s.open, s.high, s.low, s.close, s.adjusted_close, s.volume) AS differs,
           m.open AS old_open, m.high AS old_high, m.low AS old_low, m.close AS old_close,
           m.adjusted_close AS old_adjusted_close, m.volume AS old_volume
    FROM staged_bars s
    LEFT JOIN market_data m ON m.asset_id = s.asset_id AND m.date = s.date
), changed AS MATERIALIZED (
    SELECT *,
           (open, high, low, close) <> (old_open, old_high, old_low, old_close) AS is_repriced
    FROM compared
    WHERE NOT is_new AND differs
), rescaled AS (
    -- A split multiplies the volumes before it by one ratio. It is distinguished from restated
    -- volumes by the middle half of the re-based bars' ratios, which agree; volumes below 1000 are
    -- too coarse to take part.
    SELECT asset_id, quartiles[2] AS ratio
    FROM (
        SELECT asset_id, percentile_disc(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY volume / old_volume) AS quartiles
        FROM changed
        WHERE NOT is_repriced AND adjusted_close <> old_adjusted_close AND least(volume, old_volume) >= 1000
        GROUP BY asset_id
        HAVING count(*) > 1
    ) AS rebased
    WHERE quartiles[3] <= quartiles[1] * 1.002 AND abs(quartiles[2] - 1) > 0.002
), judged AS MATERIALIZED (
    SELECT c.*,
           r.ratio,
           c.is_repriced
               OR c.volume <> c.old_volume
                  AND CASE
                      -- Outside of what any volume or price is, PostgreSQL refuses to compute.
                      WHEN c.volume BETWEEN 1e-9 AND 1e18 AND c.old_volume BETWEEN 1e-9 AND 1e18
                      THEN coalesce(abs(c.volume - c.old_volume * r.ratio) > 1 + 0.001 * c.volume, true)
                      ELSE true
                  END AS is_restated
    FROM changed c
    LEFT JOIN rescaled r ON r.asset_id = c.asset_id
), revised AS (
    INSERT INTO market_data_revisions
        (asset_id, date, valid_until, open, high, low, close, adjusted_close, volume)
    SELECT asset_id, date, now(), old_open, old_high, old_low, old_close, old_adjusted_close, old_volume
    FROM judged
    WHERE is_restated
), rebased AS (
    INSERT INTO rebasings
        (asset_id, valid_until, bars, first_date, last_date, old_factor, new_factor, volume_ratio,
         dates, adjusted_closes, volumes)
    SELECT asset_id, now(), count(*), min(date), max(date),
           (array_agg(CASE WHEN least(old_close, old_adjusted_close) > 1e-9 THEN old_adjusted_close / old_close END
                      ORDER BY date))[1],
           (array_agg(CASE WHEN least(close, adjusted_close) > 1e-9 THEN adjusted_close / close END
                      ORDER BY date))[1],
           CASE WHEN bool_or(volume <> old_volume) THEN min(ratio) END,
           array_agg(date ORDER BY date),
           array_agg(old_adjusted_close ORDER BY date),
           CASE WHEN bool_or(volume <> old_volume) THEN array_agg(old_volume ORDER BY date) END
    FROM judged
    WHERE NOT is_restated
    GROUP BY asset_id
), merged AS (
    INSERT INTO market_data (asset_id, date, open, high, low, close, adjusted_close, volume)
    SELECT asset_id, date, open, high, low, close, adjusted_close, volume
    FROM compared
    WHERE is_new OR differs
    ORDER BY asset_id, date
    ON CONFLICT (asset_id, date) DO UPDATE
    SET open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
        adjusted_close = excluded.adjusted_close, volume = excluded.volume
), counted AS (
    SELECT asset_id,
           count(*) FILTER (WHERE is_new) AS inserted,
           count(*) FILTER (WHERE NOT is_new AND differs) AS revised
    FROM compared
    GROUP BY asset_id
), arrived AS (
    -- New bars make one range as long as no stored bar lies between them. A single one needs no check.
    SELECT asset_id, range_agg(dates) AS ranges
    FROM (
        SELECT c.asset_id, daterange(min(c.date), max(c.date), '[]') AS dates
        FROM compared c
        JOIN counted n ON n.asset_id = c.asset_id
        WHERE c.is_new
        GROUP BY c.asset_id,
                 CASE WHEN n.inserted > 1 THEN (
                     SELECT max(m.date) FROM market_data m WHERE m.asset_id = c.asset_id AND m.date < c.date
                 ) END
    ) AS runs
    GROUP BY asset_id
)
SELECT n.asset_id, n.inserted, n.revised, a.ranges::text AS arrived
FROM counted n
LEFT JOIN arrived a ON a.asset_id = n.asset_id

-- name: count_stored
-- How many bars some assets have, and the last of each.
SELECT asset_id, count(*) AS bars, max(date) AS last_bar
FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[])
GROUP BY asset_id

-- name: count_logged
-- How many bars some assets should have by the sync log, and up to where each is known absent.
SELECT asset_id, sum(inserted - lost)::int AS bars, max(passed_to) AS passed_to
FROM sync_log
WHERE asset_id = ANY (%(asset_ids)s::int[])
GROUP BY asset_id

-- name: insert_rejects
-- Store the rejected rows of a batch, once each however often the vendor repeats them.
INSERT INTO rejected_rows (asset_id, date, rule, excerpt)
SELECT *
FROM unnest(%(asset_ids)s::int[], %(dates)s::date[], %(rules)s::text[], %(excerpts)s::text[])
ON CONFLICT DO NOTHING

-- name: replace_findings
-- Make the findings of some assets what was found now; one that was found before keeps its moment.
WITH found AS (
    SELECT *
    FROM unnest(
        %(found_ids)s::int[], %(rules)s::text[], %(firsts)s::date[], %(lasts)s::date[],
        %(counts)s::int[], %(worsts)s::float8[], %(details)s::text[]
    ) AS t (asset_id, rule, first_date, last_date, count, worst, detail)
), gone AS (
    DELETE FROM findings f
    WHERE f.asset_id = ANY (%(asset_ids)s::int[])
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
        cause text, moment timestamptz, is_counted bool, lost int, stored_to date, known_to date
    )
), logged AS (
    INSERT INTO sync_log (
        asset_id, fence, run_id, outcome, window_first, window_last, received, inserted, revised,
        unchanged, rejected, flagged, calls, requests, body_sha256, arrived, passed_to,
        cause, lost
    )
    SELECT asset_id, fence, %(run_id)s::int, outcome, window_first, window_last, received, inserted,
           revised, unchanged, rejected, flagged, calls, requests, body_sha256, arrived,
           passes_to, cause, lost
    FROM settled
), healed AS (
    DELETE FROM dead_letters d USING settled s WHERE d.asset_id = s.asset_id
)
UPDATE assets a
SET last_synced = CASE WHEN s.outcome = 'stored' THEN now() ELSE a.last_synced END,
    -- Of a history that was read whole again it is known what is stored: a cursor ahead of that
    -- comes back.
    synced_through = greatest(
        CASE
            WHEN s.is_counted THEN greatest(least(s.stored_to, a.synced_through), s.known_to)
            ELSE a.synced_through
        END,
        s.passes_to
    ),
    settled_through = greatest(a.settled_through, s.settles_to),
    last_bar = greatest(CASE WHEN s.is_counted THEN s.stored_to ELSE a.last_bar END, s.last_date),
    repair_wanted_at = CASE
        WHEN s.is_whole AND s.outcome = 'stored' THEN NULL
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
FROM settled s
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
