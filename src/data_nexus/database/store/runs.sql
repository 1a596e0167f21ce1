-- name: start_run
-- Open a run, and close those whose process was lost before it could.
WITH lost AS (
    UPDATE runs
    SET finished_at = now(), outcome = 'lost: its process ended'
    WHERE finished_at IS NULL
      AND owner IS NOT NULL
      AND NOT EXISTS (
          SELECT
          FROM pg_locks l
          WHERE l.locktype = 'advisory'
            AND l.objsubid = 1
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND ((l.classid::bigint << 32) | l.objid::bigint) = owner
      )
)
INSERT INTO runs (command, owner) VALUES (%(command)s, %(owner)s) RETURNING id

-- name: finish_run
-- Close a run with its outcome and figures.
UPDATE runs
SET finished_at = now(), outcome = %(outcome)s, figures = %(figures)s
WHERE id = %(run_id)s

-- name: report_worker
-- Show how a worker is doing.
INSERT INTO workers (owner, state) VALUES (%(owner)s, %(state)s)
ON CONFLICT (owner) DO UPDATE SET seen_at = now(), state = excluded.state

-- name: remove_worker
-- Take a worker off the list, and those that have not been seen for a day.
DELETE FROM workers
WHERE owner = %(owner)s
   OR seen_at NOT BETWEEN now() - interval '1 day' AND now() + interval '1 day'

-- name: days_ago
-- The moment N days ago, by the database's clock.
SELECT now() - %(days)s * interval '1 day'

-- name: breaches_of_run
-- What a run has committed since a moment and breaks an invariant: each, the number of places, and
-- one asset of them. Only what the run has touched is read; of the bars only the last ones of about
-- 500 assets, chosen by chance, as each is a look into a large index. The planner does not know how
-- much the run has written: the sum keeps it from a look into the index of the assets for each row.
WITH touched AS MATERIALIZED (
    SELECT asset_id, fence, passed_to,
           received <> inserted + revised + unchanged + rejected AS is_lost
    FROM sync_log
    WHERE committed_at >= %(since)s AND run_id = %(run_id)s
), broken AS MATERIALIZED (
    SELECT * FROM (
        SELECT t.asset_id, t.is_lost, a.id IS NULL OR t.fence > a.fence AS is_ahead,
               coalesce(a.synced_through, '-infinity') < t.passed_to
               OR a.settled_through > coalesce(a.synced_through, '-infinity') AS is_behind
        FROM touched t
        LEFT JOIN assets a ON a.id + 0 = t.asset_id
    ) AS judged
    WHERE is_lost OR is_ahead OR is_behind
), size AS MATERIALIZED (
    SELECT count(*) / 500 + 1 AS step, (random() * 1000)::int AS chance FROM touched
), places AS (
    SELECT 'every received row is accounted for' AS invariant, asset_id FROM broken WHERE is_lost
    UNION ALL
    SELECT 'no two commits have one fence', asset_id
    FROM touched
    WHERE NOT EXISTS (
        SELECT FROM pg_index WHERE indrelid = 'sync_log'::regclass AND indisunique AND indisvalid
    )
    GROUP BY asset_id, fence
    HAVING count(*) > 1
    UNION ALL
    SELECT 'no fence of the log is ahead of its asset', asset_id FROM broken WHERE is_ahead
    UNION ALL
    SELECT 'no cursor is ahead of its rows', asset_id FROM broken WHERE is_behind
    UNION ALL
    SELECT 'no cursor is ahead of its rows', a.id
    FROM touched t
    JOIN assets a ON a.id = t.asset_id
    WHERE (t.asset_id + (SELECT chance FROM size)) %% (SELECT step FROM size) = 0
      AND a.last_bar IS DISTINCT FROM (
              SELECT m.date FROM market_data m WHERE m.asset_id = a.id ORDER BY m.date DESC LIMIT 1
          )
    UNION ALL
    SELECT %(no_lease_is_left)s::text, id FROM assets WHERE lease_owner = %(owner)s
), counted AS (
    SELECT invariant, count(DISTINCT asset_id) AS places, min(asset_id) AS asset_id
    FROM places
    GROUP BY invariant
)
SELECT invariant, places, coalesce(a.symbol || '.' || a.exchange, 'asset ' || asset_id) AS ticker
FROM counted
LEFT JOIN assets a ON a.id = asset_id
ORDER BY invariant
