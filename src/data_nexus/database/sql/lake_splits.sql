-- All splits.
SELECT asset_id, date, numerator, denominator, stored_at FROM splits ORDER BY asset_id, date;
