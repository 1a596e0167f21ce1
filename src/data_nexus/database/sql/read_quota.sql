-- What the ledger knows, and the moment; of the given token, or of the one changed last.
SELECT day, spent, day_limit, extra, refused, audited, minute_limit, next_slot, told_at, clock_timestamp() AS moment
FROM quota_ledger
WHERE %(token_id)s::text IS NULL OR token_id = %(token_id)s
ORDER BY next_slot DESC
LIMIT 1;
