-- The workers that have been seen lately, the oldest first.
SELECT started_at, seen_at, state
FROM workers
WHERE seen_at > now() - interval '2 minutes'
ORDER BY started_at;
