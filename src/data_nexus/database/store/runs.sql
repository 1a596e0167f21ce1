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
