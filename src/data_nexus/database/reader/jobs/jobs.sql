-- name: add_job
-- Add a job of a person's own; one of that name stays as it is.
INSERT INTO jobs (name, action, exchange, schedule, target)
VALUES (%(name)s, %(action)s, %(exchange)s, %(schedule)s, %(target)s)
ON CONFLICT (name) DO NOTHING

-- name: remove_job
-- Delete a job of a person's own; what it did stays on record.
DELETE FROM jobs WHERE name = %(name)s AND NOT is_default

-- name: pause_job
-- Let a job rest; it keeps the moment of an earlier pause.
UPDATE jobs SET paused_at = coalesce(paused_at, now()) WHERE name = %(name)s

-- name: resume_job
-- End a job's pause: it is due from then on.
UPDATE jobs
SET since = CASE WHEN paused_at IS NULL THEN since ELSE now() END, paused_at = NULL
WHERE name = %(name)s

-- name: list_jobs
-- The jobs, each with its last run and when it last succeeded.
SELECT j.name, j.action, j.exchange, j.schedule, j.target, j.is_default, j.paused_at,
       greatest(j.since, r.due_at) AS known_to,
       r.due_at AS last_due, r.outcome, r.detail, r.ended_at, r.retry_at,
       (
           SELECT d.ended_at FROM job_runs d
           WHERE d.job = j.name AND d.outcome = 'done' ORDER BY d.due_at DESC LIMIT 1
       ) AS last_success
FROM jobs j
LEFT JOIN LATERAL (
    SELECT due_at, outcome, detail, ended_at, retry_at FROM job_runs WHERE job = j.name ORDER BY due_at DESC LIMIT 1
) r ON true
ORDER BY j.name

-- name: list_job_runs
-- The last runs of a job, or of all, newest first.
SELECT job, due_at, missed, attempts, started_at, ended_at, outcome, detail, retry_at
FROM job_runs
WHERE %(name)s::text IS NULL OR job = %(name)s
ORDER BY due_at DESC, job
LIMIT %(limit)s

-- name: ask_for_job_run
-- Leave a run of a job to whichever daemon looks next, as if another had been drained before it.
INSERT INTO job_runs (job, due_at, attempts, owner, ended_at, outcome, detail, retry_at)
SELECT name, now(), 0, 0, now(), 'drained', 'asked for by a person', now()
FROM jobs
WHERE name = %(name)s AND paused_at IS NULL
