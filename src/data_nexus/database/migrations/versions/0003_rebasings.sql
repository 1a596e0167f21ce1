-- What histories were before they were re-based, and which bars each answer brought first.
CREATE TABLE rebasings (
    asset_id INTEGER NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
    bars INTEGER NOT NULL,
    first_date DATE NOT NULL,
    last_date DATE NOT NULL,
    old_factor DOUBLE PRECISION,
    new_factor DOUBLE PRECISION,
    volume_ratio DOUBLE PRECISION,
    dates DATE[] NOT NULL,
    adjusted_closes DOUBLE PRECISION[] NOT NULL,
    volumes DOUBLE PRECISION[],
    PRIMARY KEY (asset_id, valid_until)
);
CREATE INDEX rebasings_by_moment ON rebasings USING brin (valid_until);
COMMENT ON TABLE rebasings IS 'old adjusted closes of histories that the vendor re-based, one row a re-basing';
COMMENT ON COLUMN rebasings.valid_until IS 'when the old values stopped being what the vendor says';
COMMENT ON COLUMN rebasings.bars IS 'how many bars changed, from first_date to last_date';
COMMENT ON COLUMN rebasings.old_factor IS 'adjusted_close / close of the oldest of them, before';
COMMENT ON COLUMN rebasings.new_factor IS 'adjusted_close / close of the oldest of them, after';
COMMENT ON COLUMN rebasings.volume_ratio IS 'what the volumes were multiplied by; NULL if they stayed';
COMMENT ON COLUMN rebasings.dates IS 'the changed bars, ascending';
COMMENT ON COLUMN rebasings.adjusted_closes IS 'their old values, in the order of dates';
COMMENT ON COLUMN rebasings.volumes IS 'their old values, in the order of dates; NULL if they stayed';

CREATE INDEX market_data_revisions_by_moment ON market_data_revisions USING brin (valid_until);

ALTER TABLE splits ADD COLUMN stored_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL;
ALTER TABLE dividends ADD COLUMN stored_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL;

ALTER TABLE sync_log ADD COLUMN arrived DATEMULTIRANGE;
COMMENT ON COLUMN sync_log.arrived IS 'between which dates its inserted bars lie; a later entry that holds a date wins';

-- What was loaded so far counts as known since the asset's first answer with bars.
UPDATE sync_log s
SET arrived = '{(,)}'
FROM (
    SELECT asset_id, min(fence) AS fence FROM sync_log WHERE inserted > 0 GROUP BY asset_id
) AS loaded
WHERE s.asset_id = loaded.asset_id AND s.fence = loaded.fence;
