-- Bars that the vendor sends no more leave the table of bars, and are kept as revisions.
ALTER TABLE sync_log ADD COLUMN withdrawn INTEGER DEFAULT '0' NOT NULL;
COMMENT ON COLUMN sync_log.withdrawn IS 'stored bars that the vendor sends no more and that left the table';

ALTER TABLE market_data_revisions ADD COLUMN is_withdrawn BOOLEAN DEFAULT false NOT NULL;
COMMENT ON COLUMN market_data_revisions.is_withdrawn IS 'the vendor sent the bar no more; otherwise it was restated';
COMMENT ON TABLE market_data_revisions IS 'old values of bars that the vendor restated or withdrew';
COMMENT ON TABLE findings IS 'where stored actions do not explain the vendor''s adjusted closes, or stored bars are not sent';
