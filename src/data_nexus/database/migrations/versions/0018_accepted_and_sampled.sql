-- What is suspected of an asset may be accepted by a person: the row stays, so that the same session
-- does not raise it again.
ALTER TABLE suspicions ADD COLUMN accepted_at TIMESTAMP WITH TIME ZONE;
COMMENT ON COLUMN suspicions.accepted_at IS 'when a person accepted it; only a later session raises it again';
ALTER TABLE suspicions
    DROP CONSTRAINT moments_are_readable,
    ADD CONSTRAINT moments_are_readable CHECK (least(noted_at, accepted_at) >= '1000-01-01 00:00:00+00' AND greatest(noted_at, accepted_at) < '10000-01-01 00:00:00+00');

-- Assets whose actions are read although nothing asks for it, drawn by chance once a week.
CREATE TABLE action_samples (
    asset_id INTEGER NOT NULL,
    drawn_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE,
    not_stored INTEGER,
    is_unexplained BOOLEAN,
    CONSTRAINT action_samples_pkey PRIMARY KEY (asset_id, drawn_at),
    CONSTRAINT moments_are_readable CHECK (least(drawn_at, read_at) >= '1000-01-01 00:00:00+00' AND greatest(drawn_at, read_at) < '10000-01-01 00:00:00+00')
);
COMMENT ON TABLE action_samples IS 'assets drawn by chance, whose splits and dividends are read although nothing asks for it';
COMMENT ON COLUMN action_samples.read_at IS 'when they were read; NULL: not yet, and a week after the draw not any more';
COMMENT ON COLUMN action_samples.not_stored IS 'on how many days between its bars a split or dividend was sent and none was stored';
COMMENT ON COLUMN action_samples.is_unexplained IS 'whether they leave its adjusted closes unexplained';
