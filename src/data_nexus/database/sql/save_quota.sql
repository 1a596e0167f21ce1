-- Write a token's changed row back.
UPDATE quota_ledger
SET day = %(day)s, spent = %(spent)s, day_limit = %(day_limit)s, extra = %(extra)s,
    refused = %(refused)s, audited = %(audited)s,
    minute_limit = %(minute_limit)s, next_slot = %(next_slot)s, told_at = %(told_at)s
WHERE token_id = %(token_id)s;
