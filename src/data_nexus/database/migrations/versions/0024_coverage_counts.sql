-- How complete exchanges are year by year, and which assets lack sessions: counted from time to time,
-- so that a page that shows it reads no bar.
CREATE TABLE coverage_years (
    exchange TEXT NOT NULL,
    year INTEGER NOT NULL,
    expected BIGINT NOT NULL,
    stored BIGINT NOT NULL,
    absent BIGINT NOT NULL,
    missing BIGINT NOT NULL,
    assets INTEGER NOT NULL,
    counted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT coverage_years_pkey PRIMARY KEY (exchange, year),
    CONSTRAINT moments_are_readable CHECK (counted_at >= '0001-01-01 00:00:00+00' AND counted_at < '10000-01-01 00:00:00+00')
);
COMMENT ON TABLE coverage_years IS 'how complete exchanges are by year, as last counted for the dashboard';
COMMENT ON COLUMN coverage_years.expected IS 'sessions of its assets, as `nexus coverage` counts them';
COMMENT ON COLUMN coverage_years.assets IS 'those with a missing session';

CREATE TABLE coverage_gaps (
    asset_id INTEGER NOT NULL,
    year INTEGER NOT NULL,
    exchange TEXT NOT NULL,
    missing INTEGER NOT NULL,
    CONSTRAINT coverage_gaps_pkey PRIMARY KEY (asset_id, year)
);
CREATE INDEX coverage_gaps_most ON coverage_gaps (exchange, year, missing DESC, asset_id);
COMMENT ON TABLE coverage_gaps IS 'the missing sessions of assets by year, as last counted for the dashboard';

-- The latest dead letters come first on a page, and a page reads no others.
CREATE INDEX dead_letters_latest ON dead_letters (last_at DESC, asset_id DESC, endpoint DESC);
