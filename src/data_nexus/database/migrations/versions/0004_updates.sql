-- Which session an asset's last bar is of, now that the cursor passes sessions known absent, and
-- what the vendor refuses to a key.
ALTER TABLE assets ADD COLUMN last_bar DATE;
UPDATE assets SET last_bar = synced_through WHERE synced_through IS NOT NULL;
COMMENT ON COLUMN assets.last_bar IS 'the date of the last stored bar; NULL is none';
COMMENT ON COLUMN assets.times_empty IS 'answers without a new bar in a row';

ALTER TABLE sync_log ADD COLUMN passed_to DATE;
COMMENT ON COLUMN sync_log.passed_to IS 'what has no bar up to this session is known absent; NULL: the bars alone count';

-- A regular and a special dividend may share an ex-date.
ALTER TABLE dividends DROP CONSTRAINT dividends_pkey, ADD PRIMARY KEY (asset_id, date, value);

CREATE TABLE refusals (
    token_id TEXT NOT NULL,
    exchange TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    refused_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (token_id, exchange, endpoint)
);
COMMENT ON TABLE refusals IS 'endpoints that a key may not use, until they are tried again';
COMMENT ON COLUMN refusals.token_id IS 'a keyed hash of the token';
COMMENT ON COLUMN refusals.refused_at IS 'the last time';
