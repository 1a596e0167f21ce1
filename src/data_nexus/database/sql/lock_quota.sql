-- Take a token's row in the ledger for a change; the moment is taken when the row is ours.
WITH locked AS MATERIALIZED (
    SELECT day, spent, day_limit, extra, refused, audited, minute_limit, next_slot, told_at
    FROM quota_ledger
    WHERE token_id = %(token_id)s
    FOR UPDATE
)
SELECT locked.*, clock_timestamp() AS moment FROM locked;
