-- name: know_token
-- Open a token's row in the ledger, if it has none; its limits are not known yet.
INSERT INTO quota_ledger (token_id, day, minute_limit, next_slot)
VALUES (%(token_id)s, (now() AT TIME ZONE 'UTC')::date, %(minute_limit)s, now())
ON CONFLICT (token_id) DO NOTHING

-- name: lock_quota
-- Take a token's row in the ledger for a change; the moment is taken when the row is ours.
WITH locked AS MATERIALIZED (
    SELECT day, spent, day_limit, extra, refused, audited, minute_limit, next_slot, reported_at
    FROM quota_ledger
    WHERE token_id = %(token_id)s
    FOR UPDATE
)
SELECT locked.*, clock_timestamp() AS moment FROM locked

-- name: save_quota
-- Write a token's changed row back.
UPDATE quota_ledger
SET day = %(day)s, spent = %(spent)s, day_limit = %(day_limit)s, extra = %(extra)s,
    refused = %(refused)s, audited = %(audited)s,
    minute_limit = %(minute_limit)s, next_slot = %(next_slot)s, reported_at = %(reported_at)s
WHERE token_id = %(token_id)s

-- name: read_quota
-- What the ledger knows, and the moment; of the given token, or of the one changed last.
SELECT day, spent, day_limit, extra, refused, audited, minute_limit, next_slot, reported_at, clock_timestamp() AS moment
FROM quota_ledger
WHERE %(token_id)s::text IS NULL OR token_id = %(token_id)s
ORDER BY least(next_slot, now()) DESC, next_slot
LIMIT 1

-- name: read_refusals
-- The exchanges for which a token was refused an endpoint between two moments.
SELECT exchange
FROM refusals
WHERE token_id = %(token_id)s
  AND endpoint = %(endpoint)s
  AND refused_at > %(since)s
  AND refused_at <= %(until)s

-- name: note_refusal
-- Note that an endpoint is refused to a token, for an exchange.
INSERT INTO refusals (token_id, exchange, endpoint, refused_at)
VALUES (%(token_id)s, %(exchange)s, %(endpoint)s, %(moment)s)
ON CONFLICT (token_id, exchange, endpoint) DO UPDATE SET refused_at = excluded.refused_at

-- name: drop_refusal
-- The endpoint is not refused any more.
DELETE FROM refusals
WHERE token_id = %(token_id)s AND exchange = %(exchange)s AND endpoint = %(endpoint)s
