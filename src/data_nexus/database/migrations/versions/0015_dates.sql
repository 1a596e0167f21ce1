-- PostgreSQL's dates may be infinite or beyond the year 9999, and no command can read such a row.
-- What is wrong is healed first: of an asset the cursor is what its bars and its log show, and the
-- whole history is read again.
UPDATE assets
SET last_bar = stored.last_bar,
    synced_through = greatest(stored.last_bar, stored.passed_to),
    settled_through = NULL,
    last_synced = CASE WHEN last_synced BETWEEN '1000-01-01' AND now() THEN last_synced END,
    read_whole_at = NULL,
    ask_after = NULL,
    lease_owner = NULL,
    lease_until = NULL,
    created_at = CASE WHEN created_at BETWEEN '1000-01-01' AND now() THEN created_at ELSE now() END,
    retired_at = CASE WHEN retired_at IS NOT NULL THEN greatest('1000-01-01', least(retired_at, now())) END,
    parked_at = CASE WHEN parked_at IS NOT NULL THEN greatest('1000-01-01', least(parked_at, now())) END,
    actions_read_at = NULL,
    actions_wanted_at = now(),
    repair_wanted_at = now()
FROM (
    SELECT id, (
        SELECT max(date) FROM market_data
        WHERE asset_id = a.id AND date BETWEEN '1000-01-01' AND '9999-12-31'
    ) AS last_bar, (
        SELECT max(passed_to) FROM sync_log
        WHERE asset_id = a.id AND passed_to BETWEEN '1000-01-01' AND '9999-12-31'
    ) AS passed_to
    FROM assets a
    WHERE NOT (least(synced_through, last_bar, settled_through) >= '1000-01-01' AND greatest(synced_through, last_bar, settled_through) < '10000-01-01')
       OR NOT (least(retired_at, last_synced, ask_after, lease_until, parked_at, created_at, actions_wanted_at, actions_read_at, read_whole_at, repair_wanted_at) >= '1000-01-01 00:00:00+00' AND greatest(retired_at, last_synced, ask_after, lease_until, parked_at, created_at, actions_wanted_at, actions_read_at, read_whole_at, repair_wanted_at) < '10000-01-01 00:00:00+00')
) AS stored
WHERE stored.id = assets.id;

-- The vendor is asked for its count before anything is spent again.
UPDATE quota_ledger
SET day = (now() AT TIME ZONE 'UTC')::date, spent = 0, refused = false, audited = 0,
    next_slot = now(), reported_at = NULL
WHERE NOT (day >= '1000-01-01' AND day < '10000-01-01')
   OR NOT (least(next_slot, reported_at) >= '1000-01-01 00:00:00+00' AND greatest(next_slot, reported_at) < '10000-01-01 00:00:00+00');

UPDATE suspicions
SET session = (now() AT TIME ZONE 'UTC')::date, noted_at = now()
WHERE NOT (session >= '1000-01-01' AND session < '10000-01-01')
   OR NOT (noted_at >= '1000-01-01 00:00:00+00' AND noted_at < '10000-01-01 00:00:00+00');

ALTER TABLE assets
    ADD CONSTRAINT dates_are_readable CHECK (least(synced_through, last_bar, settled_through) >= '1000-01-01' AND greatest(synced_through, last_bar, settled_through) < '10000-01-01'),
    ADD CONSTRAINT moments_are_readable CHECK (least(retired_at, last_synced, ask_after, lease_until, parked_at, created_at, actions_wanted_at, actions_read_at, read_whole_at, repair_wanted_at) >= '1000-01-01 00:00:00+00' AND greatest(retired_at, last_synced, ask_after, lease_until, parked_at, created_at, actions_wanted_at, actions_read_at, read_whole_at, repair_wanted_at) < '10000-01-01 00:00:00+00');
ALTER TABLE quota_ledger
    ADD CONSTRAINT dates_are_readable CHECK (day >= '1000-01-01' AND day < '10000-01-01'),
    ADD CONSTRAINT moments_are_readable CHECK (least(next_slot, reported_at) >= '1000-01-01 00:00:00+00' AND greatest(next_slot, reported_at) < '10000-01-01 00:00:00+00');
ALTER TABLE suspicions
    ADD CONSTRAINT dates_are_readable CHECK (session >= '1000-01-01' AND session < '10000-01-01'),
    ADD CONSTRAINT moments_are_readable CHECK (noted_at >= '1000-01-01 00:00:00+00' AND noted_at < '10000-01-01 00:00:00+00');
-- Of the large tables only what is written from now on is checked, which takes no time.
ALTER TABLE market_data
    ADD CONSTRAINT dates_are_readable CHECK (date >= '1000-01-01' AND date < '10000-01-01') NOT VALID;
ALTER TABLE splits
    ADD CONSTRAINT dates_are_readable CHECK (date >= '1000-01-01' AND date < '10000-01-01') NOT VALID,
    ADD CONSTRAINT moments_are_readable CHECK (least(stored_at, reported_at) >= '1000-01-01 00:00:00+00' AND greatest(stored_at, reported_at) < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE dividends
    ADD CONSTRAINT dates_are_readable CHECK (date >= '1000-01-01' AND date < '10000-01-01') NOT VALID,
    ADD CONSTRAINT moments_are_readable CHECK (least(stored_at, reported_at) >= '1000-01-01 00:00:00+00' AND greatest(stored_at, reported_at) < '10000-01-01 00:00:00+00') NOT VALID;
