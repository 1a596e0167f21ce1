-- name: broken_cursors
-- Count assets whose cursor is not where their last stored bar and the log's known absences put it.
SELECT count(*)
FROM assets a
CROSS JOIN LATERAL (
    SELECT (
        SELECT m.date FROM market_data m WHERE m.asset_id = a.id ORDER BY m.date DESC LIMIT 1
    ) AS last_bar, (
        SELECT max(l.passed_to) FROM sync_log l WHERE l.asset_id = a.id
    ) AS passed_to
) AS seen
WHERE a.last_bar IS DISTINCT FROM seen.last_bar
   OR a.synced_through IS DISTINCT FROM greatest(seen.last_bar, seen.passed_to)

-- name: broken_sums
-- Count answers whose rows do not add up.
SELECT count(*)
FROM sync_log
WHERE received <> inserted + revised + unchanged + rejected

-- name: broken_log
-- Count assets with an answer that the sync log does not have, or the other way round.
SELECT count(*)
FROM assets a
WHERE (a.last_synced IS NOT NULL) <>
      EXISTS (SELECT FROM sync_log l WHERE l.asset_id = a.id AND l.outcome = 'stored')

-- name: broken_fences
-- Count answers that were committed under a fence that their asset never had.
SELECT count(*)
FROM sync_log l
LEFT JOIN assets a ON a.id = l.asset_id
WHERE a.id IS NULL OR l.fence > a.fence
