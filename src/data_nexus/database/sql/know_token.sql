-- Open a token's row in the ledger, if it has none; its limits are not known yet.
INSERT INTO quota_ledger (token_id, day, minute_limit, next_slot)
VALUES (%(token_id)s, (now() AT TIME ZONE 'UTC')::date, %(minute_limit)s, now())
ON CONFLICT (token_id) DO NOTHING;
