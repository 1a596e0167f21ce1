-- The rolling audit: when the vendor last answered with the whole of a history, which answers were
-- asked for by the audit, and what it has spent of a day.
ALTER TABLE assets ADD COLUMN read_whole_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN assets.read_whole_at IS 'the last answer that spoke of the whole history';
-- Of a loaded history whose whole answer is not in the log, it is known only that it is younger
-- than its asset.
UPDATE assets a
SET read_whole_at = coalesce(
    (SELECT max(s.committed_at) FROM sync_log s WHERE s.asset_id = a.id AND s.window_first <= '1700-01-01'),
    a.created_at
)
WHERE a.last_bar IS NOT NULL;

ALTER TABLE sync_log ADD COLUMN cause TEXT;
COMMENT ON COLUMN sync_log.cause IS 'audit: read again although nothing was due; NULL: it was due';
CREATE INDEX sync_log_audits ON sync_log (committed_at) WHERE cause = 'audit';

ALTER TABLE quota_ledger ADD COLUMN audited INTEGER DEFAULT '0' NOT NULL;
COMMENT ON COLUMN quota_ledger.audited IS 'calls of `spent` that went into the audit';
