-- No table takes a date or moment that no command could read, not even one that only keeps the books.
-- What is written from now on is checked, which takes no time; a worker shows itself again.
DELETE FROM workers WHERE NOT (least(started_at, seen_at) >= '0001-01-01 00:00:00+00' AND greatest(started_at, seen_at) < '10000-01-01 00:00:00+00');
UPDATE runs
SET started_at = greatest('0001-01-01', least(started_at, now())),
    finished_at = CASE WHEN finished_at IS NOT NULL THEN greatest('0001-01-01', least(finished_at, now())) END
WHERE NOT (least(started_at, finished_at) >= '0001-01-01 00:00:00+00' AND greatest(started_at, finished_at) < '10000-01-01 00:00:00+00');
ALTER TABLE action_samples
    DROP CONSTRAINT moments_are_readable,
    ADD CONSTRAINT moments_are_readable CHECK (least(drawn_at, read_at) >= '0001-01-01 00:00:00+00' AND greatest(drawn_at, read_at) < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE assets
    DROP CONSTRAINT moments_are_readable,
    ADD CONSTRAINT moments_are_readable CHECK (least(retired_at, last_synced, ask_after, lease_until, parked_at, created_at, actions_wanted_at, actions_read_at, read_whole_at, repair_wanted_at) >= '0001-01-01 00:00:00+00' AND greatest(retired_at, last_synced, ask_after, lease_until, parked_at, created_at, actions_wanted_at, actions_read_at, read_whole_at, repair_wanted_at) < '10000-01-01 00:00:00+00') NOT VALID,
    DROP CONSTRAINT dates_are_readable,
    ADD CONSTRAINT dates_are_readable CHECK (least(synced_through, last_bar, settled_through) >= '0001-01-01' AND greatest(synced_through, last_bar, settled_through) < '10000-01-01') NOT VALID;
ALTER TABLE dead_letters
    ADD CONSTRAINT moments_are_readable CHECK (least(first_at, last_at) >= '0001-01-01 00:00:00+00' AND greatest(first_at, last_at) < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE discoveries
    ADD CONSTRAINT moments_are_readable CHECK (moment >= '0001-01-01 00:00:00+00' AND moment < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE dividend_revisions
    ADD CONSTRAINT moments_are_readable CHECK (least(valid_until, stored_at, reported_at) >= '0001-01-01 00:00:00+00' AND greatest(valid_until, stored_at, reported_at) < '10000-01-01 00:00:00+00') NOT VALID,
    ADD CONSTRAINT dates_are_readable CHECK (least(date, declaration_date, record_date, payment_date) >= '0001-01-01' AND greatest(date, declaration_date, record_date, payment_date) < '10000-01-01') NOT VALID;
ALTER TABLE dividends
    DROP CONSTRAINT dates_are_readable,
    ADD CONSTRAINT dates_are_readable CHECK (least(date, declaration_date, record_date, payment_date) >= '0001-01-01' AND greatest(date, declaration_date, record_date, payment_date) < '10000-01-01') NOT VALID,
    DROP CONSTRAINT moments_are_readable,
    ADD CONSTRAINT moments_are_readable CHECK (least(stored_at, reported_at) >= '0001-01-01 00:00:00+00' AND greatest(stored_at, reported_at) < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE exchange_requests
    DROP CONSTRAINT dates_are_readable,
    ADD CONSTRAINT dates_are_readable CHECK (through >= '0001-01-01' AND through < '10000-01-01') NOT VALID,
    ADD CONSTRAINT moments_are_readable CHECK (requested_at >= '0001-01-01 00:00:00+00' AND requested_at < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE findings
    ADD CONSTRAINT moments_are_readable CHECK (found_at >= '0001-01-01 00:00:00+00' AND found_at < '10000-01-01 00:00:00+00') NOT VALID,
    ADD CONSTRAINT dates_are_readable CHECK (least(first_date, last_date) >= '0001-01-01' AND greatest(first_date, last_date) < '10000-01-01') NOT VALID;
ALTER TABLE learned_sessions
    ADD CONSTRAINT moments_are_readable CHECK (learned_at >= '0001-01-01 00:00:00+00' AND learned_at < '10000-01-01 00:00:00+00') NOT VALID,
    ADD CONSTRAINT dates_are_readable CHECK (date >= '0001-01-01' AND date < '10000-01-01') NOT VALID;
ALTER TABLE listings
    ADD CONSTRAINT moments_are_readable CHECK (least(from_moment, until_moment) >= '0001-01-01 00:00:00+00' AND greatest(from_moment, until_moment) < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE market_data
    DROP CONSTRAINT dates_are_readable,
    ADD CONSTRAINT dates_are_readable CHECK (date >= '0001-01-01' AND date < '10000-01-01') NOT VALID;
ALTER TABLE market_data_revisions
    ADD CONSTRAINT dates_are_readable CHECK (date >= '0001-01-01' AND date < '10000-01-01') NOT VALID,
    ADD CONSTRAINT moments_are_readable CHECK (valid_until >= '0001-01-01 00:00:00+00' AND valid_until < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE quota_ledger
    DROP CONSTRAINT dates_are_readable,
    ADD CONSTRAINT dates_are_readable CHECK (day >= '0001-01-01' AND day < '10000-01-01') NOT VALID,
    DROP CONSTRAINT moments_are_readable,
    ADD CONSTRAINT moments_are_readable CHECK (least(next_slot, reported_at) >= '0001-01-01 00:00:00+00' AND greatest(next_slot, reported_at) < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE rebasings
    ADD CONSTRAINT moments_are_readable CHECK (valid_until >= '0001-01-01 00:00:00+00' AND valid_until < '10000-01-01 00:00:00+00') NOT VALID,
    ADD CONSTRAINT dates_are_readable CHECK (least(first_date, last_date) >= '0001-01-01' AND greatest(first_date, last_date) < '10000-01-01') NOT VALID;
ALTER TABLE rechecked_sessions
    ADD CONSTRAINT moments_are_readable CHECK (rechecked_at >= '0001-01-01 00:00:00+00' AND rechecked_at < '10000-01-01 00:00:00+00') NOT VALID,
    ADD CONSTRAINT dates_are_readable CHECK (session >= '0001-01-01' AND session < '10000-01-01') NOT VALID;
ALTER TABLE refusals
    ADD CONSTRAINT moments_are_readable CHECK (refused_at >= '0001-01-01 00:00:00+00' AND refused_at < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE rejected_rows
    ADD CONSTRAINT dates_are_readable CHECK (date >= '0001-01-01' AND date < '10000-01-01') NOT VALID,
    ADD CONSTRAINT moments_are_readable CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE runs
    ADD CONSTRAINT moments_are_readable CHECK (least(started_at, finished_at) >= '0001-01-01 00:00:00+00' AND greatest(started_at, finished_at) < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE split_revisions
    ADD CONSTRAINT moments_are_readable CHECK (least(valid_until, stored_at, reported_at) >= '0001-01-01 00:00:00+00' AND greatest(valid_until, stored_at, reported_at) < '10000-01-01 00:00:00+00') NOT VALID,
    ADD CONSTRAINT dates_are_readable CHECK (date >= '0001-01-01' AND date < '10000-01-01') NOT VALID;
ALTER TABLE splits
    DROP CONSTRAINT moments_are_readable,
    ADD CONSTRAINT moments_are_readable CHECK (least(stored_at, reported_at) >= '0001-01-01 00:00:00+00' AND greatest(stored_at, reported_at) < '10000-01-01 00:00:00+00') NOT VALID,
    DROP CONSTRAINT dates_are_readable,
    ADD CONSTRAINT dates_are_readable CHECK (date >= '0001-01-01' AND date < '10000-01-01') NOT VALID;
ALTER TABLE suspicions
    DROP CONSTRAINT dates_are_readable,
    ADD CONSTRAINT dates_are_readable CHECK (session >= '0001-01-01' AND session < '10000-01-01') NOT VALID,
    DROP CONSTRAINT moments_are_readable,
    ADD CONSTRAINT moments_are_readable CHECK (least(noted_at, accepted_at) >= '0001-01-01 00:00:00+00' AND greatest(noted_at, accepted_at) < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE sync_log
    ADD CONSTRAINT dates_are_readable CHECK (least(window_first, window_last, passed_to) >= '0001-01-01' AND greatest(window_first, window_last, passed_to) < '10000-01-01') NOT VALID,
    ADD CONSTRAINT moments_are_readable CHECK (committed_at >= '0001-01-01 00:00:00+00' AND committed_at < '10000-01-01 00:00:00+00') NOT VALID;
ALTER TABLE workers
    ADD CONSTRAINT moments_are_readable CHECK (least(started_at, seen_at) >= '0001-01-01 00:00:00+00' AND greatest(started_at, seen_at) < '10000-01-01 00:00:00+00') NOT VALID;

-- Readings that are to confirm a doubt must agree with each other.
ALTER TABLE suspicions ADD COLUMN answer TEXT;
COMMENT ON COLUMN suspicions.answer IS 'a fingerprint of the closes that were last sent; other ones begin to count anew';
