-- Tables and columns under the names that the field uses.
ALTER TABLE settled_sessions RENAME TO rechecked_sessions;
ALTER TABLE rechecked_sessions RENAME CONSTRAINT settled_sessions_pkey TO rechecked_sessions_pkey;
ALTER TABLE rechecked_sessions RENAME COLUMN looked_at TO rechecked_at;
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
