-- name: count_queued
-- Count what the queue may hand out, by market segment and cursor, absent assets included whose time has come.
SELECT exchange, venue, asset_type, synced_through, count(*) AS assets
FROM queued_assets
WHERE (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
  AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
  AND (ask_after IS NULL OR ask_after <= coalesce(%(moment)s::timestamptz, now()))
GROUP BY exchange, venue, asset_type, synced_through
ORDER BY exchange, venue, asset_type, synced_through

-- name: count_unsettled
-- Count the assets whose last sessions are not settled, by exchange and the last one that is.
SELECT exchange, settled_through, count(*) AS assets
FROM queued_assets
WHERE settled_through < synced_through
  AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
GROUP BY exchange, settled_through
ORDER BY exchange, settled_through

-- name: survey_session
-- The assets that a session in bulk can advance: those that lack no session before it.
SELECT q.id, q.symbol AS code, q.last_bar, q.asset_type
FROM queued_assets q
JOIN unnest(%(venues)s::text[], %(asset_types)s::text[]) AS p (venue, asset_type)
  USING (venue, asset_type)
WHERE q.exchange = %(exchange)s
  AND q.synced_through >= %(since)s
  AND q.synced_through < %(session)s
  AND q.ask_after IS NULL
ORDER BY q.id

-- name: read_session
-- Some assets that a session in bulk can advance, with their last bar; at a recheck those whose
-- cursor has passed it without a bar. They are not held: a worker that leases one meanwhile raises
-- its fence.
SELECT q.id, q.symbol, q.fence, m.date - '1970-01-01'::date AS last_day, m.close, m.adjusted_close,
       m.date IS DISTINCT FROM q.last_bar AS is_damaged
FROM queued_assets q
JOIN unnest(%(venues)s::text[], %(asset_types)s::text[]) AS p (venue, asset_type)
  USING (venue, asset_type)
LEFT JOIN LATERAL (
    SELECT date, close, adjusted_close
    FROM market_data
    WHERE asset_id = q.id
    ORDER BY date DESC
    LIMIT 1
) AS m ON true
WHERE q.exchange = %(exchange)s
  AND q.id BETWEEN %(first_id)s AND %(last_id)s
  AND q.synced_through >= %(since)s
  AND (q.synced_through < %(session)s) <> %(late)s
  AND (q.last_bar < %(session)s OR NOT %(late)s)
  AND q.ask_after IS NULL
  AND q.lease_owner IS NULL
  AND q.times_rescued = 0
ORDER BY q.id

-- name: settle_session
-- Move the cursors of assets over a session in bulk, under a new fence of each, and log what it
-- brought; return those that were leased meanwhile, of which nothing is written.
WITH settled AS (
    SELECT *
    FROM unnest(
        %(asset_ids)s::int[], %(fences)s::bigint[], %(are_stored)s::bool[], %(are_rejected)s::bool[]
    ) AS t (asset_id, fence, is_stored, is_rejected)
), moved AS (
    UPDATE assets a
    SET fence = a.fence + 1,
        last_synced = CASE WHEN is_stored OR is_rejected THEN now() ELSE a.last_synced END,
        synced_through = greatest(a.synced_through, %(session)s),
        -- The sessions before are settled if the first of them was compared.
        settled_through = CASE
            WHEN a.settled_through >= %(compared_session)s::date
            THEN greatest(a.settled_through, %(settles_to)s::date)
            ELSE a.settled_through
        END,
        last_bar = CASE WHEN is_stored THEN %(session)s ELSE a.last_bar END,
        times_empty = CASE WHEN is_stored THEN 0 ELSE least(a.times_empty + 1, 32767) END,
        times_failed = 0
    FROM settled s
    WHERE a.id = s.asset_id AND a.fence = s.fence AND a.lease_owner IS NULL
    RETURNING a.id, a.fence, is_stored, is_rejected
), healed AS (
    DELETE FROM dead_letters d USING moved m WHERE d.asset_id = m.id
), logged AS (
    INSERT INTO sync_log (
        asset_id, fence, run_id, outcome, window_first, window_last, received, inserted, revised,
        unchanged, rejected, flagged, calls, requests, body_sha256, arrived, passed_to
    )
    SELECT m.id, m.fence, %(run_id)s,
           CASE WHEN is_stored OR is_rejected THEN 'stored' ELSE 'empty' END,
           %(session)s, %(session)s, is_stored::int + is_rejected::int, is_stored::int, 0,
           0, is_rejected::int, coalesce(f.flagged, '{}'), 0, 0, %(sha256)s,
           CASE WHEN is_stored THEN datemultirange(daterange(%(session)s, %(session)s, '[]')) END,
           %(session)s
    FROM moved m
    LEFT JOIN unnest(%(flagged_ids)s::int[], %(flags)s::jsonb[]) AS f (asset_id, flagged)
      ON f.asset_id = m.id
)
SELECT s.asset_id
FROM settled s
WHERE NOT EXISTS (SELECT FROM moved m WHERE m.id = s.asset_id)

-- name: was_advanced
-- Say whether a run advanced assets under new fences: the answer when a COMMIT's own was lost.
SELECT EXISTS (
    SELECT
    FROM sync_log l
    JOIN unnest(%(asset_ids)s::int[], %(fences)s::bigint[]) AS moved (id, fence)
      ON l.asset_id = moved.id AND l.fence = moved.fence
    WHERE l.run_id = %(run_id)s
)

-- name: mark_absent_through
-- Move the cursors of assets over a session that they had no bar of, each in the log of its answer.
-- An asset that was claimed again since is left out.
WITH received AS (
    SELECT *
    FROM unnest(%(asset_ids)s::int[], %(fences)s::bigint[], %(sessions)s::date[], %(settled)s::date[])
        AS t (asset_id, fence, session, settled)
), moved AS (
    UPDATE assets a
    SET synced_through = r.session, settled_through = greatest(a.settled_through, r.settled)
    FROM received r
    JOIN sync_log l USING (asset_id, fence)
    WHERE a.id = r.asset_id
      AND a.fence = r.fence
      AND a.lease_owner IS NULL
      AND a.synced_through < r.session
    RETURNING a.id, a.fence, r.session
)
UPDATE sync_log l
SET passed_to = m.session
FROM moved m
WHERE l.asset_id = m.id AND l.fence = m.fence

-- name: store_rejects
-- Store rejected rows of a session's bulk answers for the assets that they name, once each; return
-- how many name none.
WITH received AS (
    SELECT a.id, t.rule, t.excerpt
    FROM unnest(%(codes)s::text[], %(rules)s::text[], %(excerpts)s::text[])
        AS t (code, rule, excerpt)
    LEFT JOIN assets a
      ON a.exchange = %(exchange)s AND a.symbol = t.code AND a.retired_at IS NULL
), stored AS (
    INSERT INTO rejected_rows (asset_id, date, rule, excerpt)
    SELECT id, %(session)s, rule, excerpt FROM received WHERE id IS NOT NULL
    ON CONFLICT DO NOTHING
)
SELECT count(*) FROM received WHERE id IS NULL

-- name: read_resting
-- The assets of an exchange that rest for want of bars and lack a session.
SELECT id, symbol
FROM assets
WHERE exchange = %(exchange)s
  AND ask_after IS NOT NULL
  AND retired_at IS NULL
  AND (synced_through IS NULL OR synced_through < %(session)s)

-- name: requeue_assets
-- Put some assets that rest for want of bars back into the queue.
UPDATE assets SET ask_after = NULL WHERE id = ANY (%(asset_ids)s::int[]) AND ask_after IS NOT NULL

-- name: last_sightings
-- The latest session of each exchange of which any bar is stored. None is of a day that has not begun
-- anywhere: such a bar was never sent.
SELECT exchange, max(last_bar)
FROM assets
WHERE last_bar <= (now() AT TIME ZONE 'UTC' + interval '14 hours')::date
GROUP BY exchange

-- name: rechecked_sessions
-- The sessions of an exchange since a day that were rechecked.
SELECT session FROM rechecked_sessions WHERE exchange = %(exchange)s AND session >= %(since)s

-- name: mark_rechecked
-- Note that a session was read again after a later one was out.
INSERT INTO rechecked_sessions (exchange, session, rechecked_at)
VALUES (%(exchange)s, %(session)s, now())
ON CONFLICT (exchange, session) DO UPDATE SET rechecked_at = excluded.rechecked_at

-- name: read_splits_on
-- The stored splits of some assets on some days.
SELECT asset_id, date, numerator, denominator
FROM splits
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date = ANY (%(dates)s::date[])

-- name: read_dividends_on
-- The stored dividends of some assets on some days.
SELECT asset_id, date, value, unadjusted_value, currency
FROM dividends
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date = ANY (%(dates)s::date[])

-- name: assets_with_actions_on
-- The assets of an exchange with a stored action on some days, by the codes that they have now.
SELECT a.symbol, a.id
FROM assets a
JOIN (
    SELECT asset_id FROM splits WHERE date = ANY (%(dates)s::date[])
    UNION
    SELECT asset_id FROM dividends WHERE date = ANY (%(dates)s::date[])
) AS paid ON paid.asset_id = a.id
WHERE a.exchange = %(exchange)s AND a.retired_at IS NULL AND NOT a.is_delisted

-- name: current_ids
-- The assets of an exchange that have some codes now.
SELECT symbol, id
FROM assets
WHERE exchange = %(exchange)s AND symbol = ANY(%(codes)s::text[]) AND retired_at IS NULL
