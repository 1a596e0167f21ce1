-- name: assets_by_state
-- Each of some assets, or of all, with the dates of its bars and with what holds of it. An asset is settled if each
-- published session but the last has been compared after the next one's publication, and fresh if it
-- is settled and the last session is stored or known absent. One that is known to be damaged is
-- neither, and one that is to be read again since something about it is in doubt is not fresh.
SELECT a.*,
       (SELECT m.date FROM market_data m WHERE m.asset_id = a.id ORDER BY m.date LIMIT 1) AS first_date,
       (SELECT m.date FROM market_data m WHERE m.asset_id = a.id ORDER BY m.date DESC LIMIT 1) AS last_date,
       repair_wanted_at IS NULL
           AND (is_ended
                OR synced_through >= p.published
                   AND settled_through >= p.settled
                   AND NOT EXISTS (
                       SELECT FROM suspicions s
                       WHERE s.asset_id = a.id AND s.read_after < 'infinity'
                   )) AS is_fresh,
       repair_wanted_at IS NULL AND (is_ended OR settled_through >= p.settled) AS is_settled,
       NOT is_ended AND a.last_bar > coalesce(a.settled_through, '-infinity') AS is_provisional,
       is_followed AND paused_at IS NULL AS is_wanted,
       p.published
FROM (
    SELECT *, is_delisted OR retired_at IS NOT NULL AS is_ended
    FROM assets
    WHERE %(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s)
) AS a
LEFT JOIN unnest(
    %(exchanges)s::text[], %(venues)s::text[], %(asset_types)s::text[], %(published)s::date[],
    %(settled)s::date[]
) AS p (exchange, venue, asset_type, published, settled) USING (exchange, venue, asset_type)

-- name: status
-- What the database holds: assets by state, and their dates. What is paused or not followed is not
-- stale either: a person wants it so.
WITH current AS (
{assets_by_state}
)
SELECT count(*) AS total,
       count(first_date) AS with_data,
       count(*) FILTER (WHERE first_date IS NULL) AS without_data,
       count(*) FILTER (WHERE first_date IS NOT NULL AND is_fresh) AS fresh,
       count(*) FILTER (WHERE first_date IS NOT NULL AND is_fresh IS NOT TRUE AND is_wanted) AS stale,
       count(*) FILTER (WHERE first_date IS NOT NULL AND is_settled) AS settled,
       count(*) FILTER (WHERE first_date IS NOT NULL AND is_provisional) AS provisional,
       count(*) FILTER (WHERE parked_at IS NOT NULL) AS parked,
       count(*) FILTER (WHERE repair_wanted_at IS NOT NULL) AS damaged,
       count(*) FILTER (WHERE NOT is_active) AS inactive,
       count(*) FILTER (WHERE paused_at IS NOT NULL) AS paused,
       count(*) FILTER (WHERE NOT is_followed) AS not_followed,
       count(*) FILTER (WHERE lease_until >= now()) AS leased,
       count(*) FILTER (WHERE actions_wanted_at IS NOT NULL) AS wanting_actions,
       count(*) FILTER (WHERE EXISTS (
           SELECT FROM suspicions s WHERE s.asset_id = current.id AND s.accepted_at IS NULL
       )) AS suspected,
       count(*) FILTER (WHERE EXISTS (SELECT FROM findings f WHERE f.asset_id = current.id)) AS with_findings,
       min(first_date) AS first_date,
       max(last_date) AS last_date
FROM current

-- name: count_bars
-- Count the stored bars: exactly while that is quick, by the planner's estimate when there are many.
SELECT CASE WHEN c.reltuples < 50000000 THEN (SELECT count(*) FROM market_data) ELSE c.reltuples::bigint END AS rows,
       c.reltuples >= 50000000 AS is_estimate
FROM pg_class c
WHERE c.oid = 'market_data'::regclass

-- name: last_runs
-- The last runs, newest first.
SELECT command, started_at, finished_at, outcome, figures
FROM (
{runs_with_outcomes}
) AS r
ORDER BY run_id DESC
LIMIT 5

-- name: runs_with_outcomes
-- Runs; one whose process ended without closing it says so.
SELECT id AS run_id, command, started_at, finished_at,
       CASE
           WHEN finished_at IS NULL AND owner IS NOT NULL AND NOT pg_is_in_recovery()
                AND owner NOT IN (
{living_owners}
                )
           THEN 'lost: its process ended'
           ELSE outcome
       END AS outcome,
       figures
FROM runs

-- name: places
-- The market segments of assets with bars.
SELECT DISTINCT exchange, venue, asset_type FROM assets WHERE last_bar IS NOT NULL
