-- Count answers that were committed under a fence that their asset never had.
SELECT count(*)
FROM sync_log l
LEFT JOIN assets a ON a.id = l.asset_id
WHERE a.id IS NULL OR l.fence > a.fence;
