-- name: read_jobs
-- The jobs, each with the moment up to which it is done with: that of its last run, or its own begin.
SELECT j.name, j.action, j.exchange, j.schedule, j.target, j.is_default, j.paused_at,
       greatest(j.since, (SELECT max(r.due_at) FROM job_runs r WHERE r.job = j.name)) AS known_to,
       (
           SELECT d.ended_at FROM job_runs d
           WHERE d.job = j.name AND d.outcome = 'done' ORDER BY d.due_at DESC LIMIT 1
       ) AS last_success
FROM jobs j
ORDER BY j.name

-- name: add_default_job
-- Add a job that comes with its exchange; one of that name stays as it is.
INSERT INTO jobs (name, action, exchange, schedule, is_default, since)
VALUES (%(name)s, %(action)s, %(exchange)s, %(schedule)s, true, %(since)s)
ON CONFLICT (name) DO NOTHING

-- name: take_job_run
-- Take a run that is due, unless another daemon has; what earlier ones have left to be tried again goes
-- with it.
WITH taken AS (
    INSERT INTO job_runs (job, due_at, missed, owner)
    SELECT name, %(due_at)s, %(missed)s, %(owner)s
    FROM jobs
    WHERE name = %(job)s AND paused_at IS NULL
    ON CONFLICT (job, due_at) DO NOTHING
    RETURNING id AS run_id, job, due_at, attempts, missed
), settled AS (
    UPDATE job_runs r SET retry_at = NULL FROM taken WHERE r.job = taken.job AND r.retry_at IS NOT NULL
)
SELECT * FROM taken

-- name: retake_job_runs
-- Take runs that are to be tried again, and those whose daemon has left: its session's lock is gone.
WITH free AS (
    SELECT r.id
    FROM job_runs r JOIN jobs j ON j.name = r.job
    WHERE j.paused_at IS NULL
      AND (
          r.retry_at <= %(moment)s
          OR (
              r.ended_at IS NULL
              AND NOT EXISTS (
                  SELECT
                  FROM pg_locks l
                  WHERE l.locktype = 'advisory'
                    AND l.objsubid = 1
                    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                    AND ((l.classid::bigint << 32) | l.objid::bigint) = r.owner
              )
          )
      )
    FOR UPDATE OF r SKIP LOCKED
)
UPDATE job_runs r
SET owner = %(owner)s, attempts = attempts + 1, started_at = now(), ended_at = NULL,
    outcome = 'running', detail = '', retry_at = NULL
FROM free
WHERE r.id = free.id
RETURNING r.id AS run_id, r.job, r.due_at, r.attempts, r.missed

-- name: settle_job_run
-- Say how a run ended, and when it is tried again, if it is; a stale hand writes nothing. What its attempts
-- brought counts together.
UPDATE job_runs
SET ended_at = now(), outcome = %(outcome)s, detail = %(detail)s, retry_at = %(retry_at)s, error = %(error)s,
    brought = CASE
        WHEN %(brought)s::int IS NULL THEN brought ELSE coalesce(brought, 0) + %(brought)s::int
    END
WHERE id = %(run_id)s AND owner = %(owner)s AND attempts = %(attempts)s AND ended_at IS NULL
RETURNING id

-- name: job_segments
-- What decides when the assets that are to be kept fresh are published.
SELECT DISTINCT exchange, coalesce(venue, '') AS venue, coalesce(asset_type, '') AS asset_type
FROM active_assets
