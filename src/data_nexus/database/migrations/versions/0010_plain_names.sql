-- Tables and columns under the names that the field uses.
ALTER TABLE settled_sessions RENAME TO rechecked_sessions;
ALTER TABLE rechecked_sessions RENAME CONSTRAINT settled_sessions_pkey TO rechecked_sessions_pkey;
ALTER TABLE rechecked_sessions RENAME COLUMN looked_at TO rechecked_at;
UPDATE workers SET state = state - 'breadth'
    || jsonb_build_object('concurrency_limit', state -> 'breadth');
COMMENT ON COLUMN workers.state IS
    'in flight, concurrency limit, retry budget, breakers, what it waits for';
ALTER TABLE quota_ledger RENAME COLUMN told_at TO reported_at;
ALTER TABLE splits RENAME COLUMN told_at TO reported_at;
ALTER TABLE split_revisions RENAME COLUMN told_at TO reported_at;
ALTER TABLE dividends RENAME COLUMN told_at TO reported_at;
ALTER TABLE dividend_revisions RENAME COLUMN told_at TO reported_at;
-- Since PostgreSQL 18 a NOT NULL has a name as well.
DO $$
DECLARE old RECORD;
BEGIN
    FOR old IN
        SELECT conrelid::regclass AS of_table, conname,
               replace(replace(replace(conname, 'settled_sessions', 'rechecked_sessions'),
                               'looked_at', 'rechecked_at'), 'told_at', 'reported_at') AS renamed
        FROM pg_constraint
        WHERE contype = 'n' AND connamespace = current_schema()::regnamespace
          AND conname ~ 'settled_sessions|told_at'
    LOOP
        EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I',
                       old.of_table, old.conname, old.renamed);
    END LOOP;
END $$;
-- The queue, said once: what takes part in loading at all, and what the queue may hand out.
CREATE VIEW active_assets AS
SELECT * FROM assets WHERE is_active AND parked_at IS NULL AND retired_at IS NULL;
CREATE VIEW queued_assets AS
SELECT * FROM active_assets WHERE NOT (is_delisted AND last_synced IS NOT NULL);
COMMENT ON COLUMN assets.ask_after IS 'not fetched before this moment, because the vendor had no bars';
COMMENT ON COLUMN assets.actions_wanted_at IS 'from when on its splits and dividends are to be fetched; NULL is not';
COMMENT ON COLUMN assets.actions_read_at IS 'when its splits and dividends were last fetched';
COMMENT ON COLUMN assets.read_whole_at IS 'the last answer with the whole history';
COMMENT ON COLUMN splits.stored_at IS 'since when it is known';
COMMENT ON COLUMN splits.reported_at IS 'since when the vendor reports it with these values';
COMMENT ON COLUMN dividends.stored_at IS 'since when it is known';
COMMENT ON COLUMN dividends.reported_at IS 'since when the vendor reports it with these values';
COMMENT ON COLUMN split_revisions.stored_at IS 'since when it was known';
COMMENT ON COLUMN split_revisions.reported_at IS 'since when the vendor reported it with these values';
COMMENT ON COLUMN dividend_revisions.value IS 'as the vendor adjusts it for splits';
COMMENT ON COLUMN dividend_revisions.stored_at IS 'since when it was known';
COMMENT ON COLUMN dividend_revisions.reported_at IS 'since when the vendor reported it with these values';
COMMENT ON COLUMN quota_ledger.day_limit IS 'as the vendor reports it; NULL is not yet';
COMMENT ON COLUMN quota_ledger.refused IS 'the vendor said that the day is spent (402), and has not reported otherwise since';
COMMENT ON COLUMN quota_ledger.minute_limit IS 'requests a minute, as its headers say';
COMMENT ON COLUMN quota_ledger.reported_at IS 'when the vendor last reported the day''s count';
COMMENT ON TABLE rechecked_sessions IS 'sessions that were read again in bulk after a later one was out';
COMMENT ON COLUMN discoveries.is_delisted IS 'whether it was the list of the delisted';
COMMENT ON COLUMN listings.from_moment IS 'the first discovery with these values';
COMMENT ON COLUMN listings.until_moment IS 'the first discovery without them; NULL is none so far';
COMMENT ON COLUMN sync_log.fence IS 'of the lease under which it was fetched';
COMMENT ON COLUMN sync_log.arrived IS 'the date ranges of its inserted bars; a later entry with the same date wins';
