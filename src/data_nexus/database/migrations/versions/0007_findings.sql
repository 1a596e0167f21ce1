-- Which assets' splits and dividends are to be asked for, and what they leave unexplained.
ALTER TABLE assets
    ADD COLUMN actions_wanted_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN actions_read_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN assets.actions_wanted_at IS 'from when on its splits and dividends are to be asked for; NULL is not';
COMMENT ON COLUMN assets.actions_read_at IS 'when its splits and dividends were asked for last';
-- The oldest bar is adjusted for every action, so it shows whether there was any.
UPDATE assets a
SET actions_wanted_at = now()
FROM assets o
CROSS JOIN LATERAL (
    SELECT close, adjusted_close FROM market_data WHERE asset_id = o.id ORDER BY date LIMIT 1
) AS oldest
WHERE o.id = a.id AND abs(oldest.adjusted_close - oldest.close) > 1e-4 * (oldest.close + 1);

CREATE TABLE findings (
    asset_id INTEGER NOT NULL,
    rule TEXT NOT NULL,
    first_date DATE NOT NULL,
    last_date DATE NOT NULL,
    count INTEGER NOT NULL,
    worst DOUBLE PRECISION,
    detail TEXT NOT NULL,
    found_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (asset_id, rule)
);
COMMENT ON TABLE findings IS 'where stored actions do not explain the vendor''s adjusted closes';
COMMENT ON COLUMN findings.rule IS 'the name of the rule';
COMMENT ON COLUMN findings.last_date IS 'the last bar that disagrees, or the last action that is left out';
COMMENT ON COLUMN findings.count IS 'bars that disagree, or actions that are left out';
COMMENT ON COLUMN findings.worst IS 'adjusted close / what the actions give - 1, where it is farthest from 0';
COMMENT ON COLUMN findings.found_at IS 'since when the rule is broken';
