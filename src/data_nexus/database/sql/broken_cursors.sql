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
   OR a.synced_through IS DISTINCT FROM greatest(seen.last_bar, seen.passed_to);
