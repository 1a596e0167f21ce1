-- The last runs, newest first.
SELECT command, started_at, finished_at, outcome, figures
FROM runs
ORDER BY id DESC
LIMIT 5;
