-- Up to which session an asset's values are final. What was read whole is settled up to two weeks
-- before that answer; of bars that came in bulk it is not known yet.
ALTER TABLE assets ADD COLUMN settled_through DATE;
COMMENT ON COLUMN assets.settled_through IS 'up to which session values were compared after the next one''s publication';
UPDATE assets
SET settled_through = least(synced_through, (read_whole_at AT TIME ZONE 'UTC')::date - 14)
WHERE read_whole_at IS NOT NULL AND synced_through IS NOT NULL;
CREATE OR REPLACE VIEW active_assets AS
SELECT * FROM assets WHERE is_active AND parked_at IS NULL AND retired_at IS NULL;
CREATE OR REPLACE VIEW queued_assets AS
SELECT * FROM active_assets WHERE NOT (is_delisted AND last_synced IS NOT NULL);

CREATE TABLE suspicions (
    asset_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    session DATE NOT NULL,
    noted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    times SMALLINT DEFAULT '0' NOT NULL,
    read_after TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT suspicions_pkey PRIMARY KEY (asset_id, reason)
);
COMMENT ON TABLE suspicions IS 'assets that are to be read again because something about them is in doubt';
COMMENT ON COLUMN suspicions.session IS 'the session that raised the doubt';
COMMENT ON COLUMN suspicions.times IS 'how often the asset was read because of it';
COMMENT ON COLUMN suspicions.read_after IS 'not read again before this moment; infinity: not any more';
