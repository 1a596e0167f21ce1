-- Bars that are missing are accounted for when their history is read whole again, and damaged
-- histories wait for that under a mark of their own.
ALTER TABLE sync_log ADD COLUMN lost INTEGER DEFAULT '0' NOT NULL;
COMMENT ON COLUMN sync_log.lost IS 'bars that earlier entries had inserted and that were not stored any more';
COMMENT ON COLUMN sync_log.cause IS 'audit or repair: read again although nothing was due; NULL: it was due';
-- What a run has committed is found by its moments, at hardly any cost for a commit.
CREATE INDEX sync_log_by_moment ON sync_log USING brin (committed_at);

ALTER TABLE assets ADD COLUMN repair_wanted_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN assets.repair_wanted_at IS 'since when its whole history is to be read again by `nexus repair`; NULL is not';
CREATE INDEX assets_damaged ON assets (repair_wanted_at, id) WHERE repair_wanted_at IS NOT NULL;
CREATE OR REPLACE VIEW active_assets AS
SELECT * FROM assets WHERE is_active AND parked_at IS NULL AND retired_at IS NULL;
CREATE OR REPLACE VIEW queued_assets AS
SELECT * FROM active_assets WHERE NOT (is_delisted AND last_synced IS NOT NULL);
