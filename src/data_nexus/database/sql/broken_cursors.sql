-- Count assets whose cursor is not the date of their last stored bar.
SELECT count(*)
FROM assets a
WHERE a.synced_through IS DISTINCT FROM
      (SELECT m.date FROM market_data m WHERE m.asset_id = a.id ORDER BY m.date DESC LIMIT 1);
