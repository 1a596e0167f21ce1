-- Count assets that claim an answer which the sync log does not know, or the other way round.
SELECT count(*)
FROM assets a
WHERE (a.last_synced IS NOT NULL) <>
      EXISTS (SELECT FROM sync_log l WHERE l.asset_id = a.id AND l.outcome = 'stored');
