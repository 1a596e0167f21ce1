-- name: exchange_states
-- The assets of each exchange, counted by state. No bar is read: `last_bar` says whether there is one.
WITH stated AS (
{assets_by_state}
)
SELECT exchange,
       count(*) AS total,
       count(last_bar) AS with_bars,
       count(*) FILTER (WHERE last_bar IS NOT NULL AND is_fresh) AS fresh,
       count(*) FILTER (WHERE last_bar IS NOT NULL AND is_fresh IS NOT TRUE AND is_wanted) AS stale,
       count(*) FILTER (WHERE last_bar IS NOT NULL AND is_settled) AS settled,
       count(*) FILTER (WHERE last_bar IS NOT NULL AND is_provisional) AS provisional,
       count(*) FILTER (WHERE parked_at IS NOT NULL) AS parked,
       count(*) FILTER (WHERE paused_at IS NOT NULL) AS paused,
       count(*) FILTER (
           WHERE is_active AND is_wanted AND parked_at IS NULL AND NOT is_ended AND ask_after IS NULL
             AND (last_bar IS NULL OR synced_through IS NULL OR synced_through < published)
       ) AS behind,
       min(synced_through) FILTER (
           WHERE last_bar IS NOT NULL AND is_fresh IS NOT TRUE AND is_wanted AND NOT is_ended
       ) AS oldest,
       max(published) AS published
FROM stated
GROUP BY exchange
ORDER BY exchange

-- name: running_runs
-- The runs whose process lives, the newest first, with what their workers last reported.
SELECT r.id AS run_id, r.command, r.started_at, coalesce(w.state, '{}'::jsonb) AS state
FROM runs r
LEFT JOIN workers w ON w.owner = r.owner
WHERE r.finished_at IS NULL
  AND r.owner IN (
{living_owners}
  )
ORDER BY r.id DESC
LIMIT 20

-- name: sync_totals
-- What some runs have stored since a moment, and in the last minute of it.
SELECT run_id,
       count(*) AS assets,
       coalesce(sum(received), 0)::bigint AS rows,
       coalesce(sum(calls), 0)::bigint AS calls,
       count(*) FILTER (WHERE committed_at > now() - interval '1 minute') AS assets_a_minute,
       coalesce(sum(received) FILTER (WHERE committed_at > now() - interval '1 minute'), 0)::bigint AS rows_a_minute
FROM sync_log
WHERE run_id = ANY (%(run_ids)s) AND committed_at >= %(since)s
GROUP BY run_id

-- name: throughput
-- Answers, rows and calls of the last hours, in intervals of five minutes that had any.
SELECT date_bin('5 minutes', committed_at, '2000-01-01'::timestamptz) AS since,
       count(*) AS answers,
       coalesce(sum(received), 0)::bigint AS rows,
       coalesce(sum(calls), 0)::bigint AS calls
FROM sync_log
WHERE committed_at >= date_bin('5 minutes', now(), '2000-01-01'::timestamptz) - %(hours)s * interval '1 hour'
GROUP BY 1
ORDER BY 1

-- name: list_runs
-- Runs, the newest first, from one of them backwards.
SELECT run_id, command, started_at, finished_at, outcome, figures
FROM (
{runs_with_outcomes}
) AS r
WHERE run_id < %(before)s AND (%(run_id)s::int IS NULL OR run_id = %(run_id)s)
ORDER BY run_id DESC
LIMIT %(most)s

-- name: count_some_dead_letters
-- How many dead letters there are, counted up to a number.
SELECT count(*) AS letters FROM (SELECT FROM dead_letters LIMIT %(most)s) AS l
