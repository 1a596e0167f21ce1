-- What splits and dividends said before the vendor changed or withdrew them, so that the actions of
-- a moment can be read again.
ALTER TABLE splits ADD COLUMN told_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL;
ALTER TABLE dividends ADD COLUMN told_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL;
-- What was changed so far is not known: it counts as told so from the beginning.
UPDATE splits SET told_at = stored_at;
UPDATE dividends SET told_at = stored_at;
COMMENT ON COLUMN splits.stored_at IS 'since when the split is known';
COMMENT ON COLUMN splits.told_at IS 'since when it is told in these very words';
COMMENT ON COLUMN dividends.stored_at IS 'since when the dividend is known';
COMMENT ON COLUMN dividends.told_at IS 'since when it is told in these very words';

CREATE TABLE split_revisions (
    asset_id INTEGER NOT NULL,
    date DATE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
    numerator DOUBLE PRECISION NOT NULL,
    denominator DOUBLE PRECISION NOT NULL,
    stored_at TIMESTAMP WITH TIME ZONE NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (asset_id, date, valid_until)
);
COMMENT ON TABLE split_revisions IS 'old values of splits that the vendor changed or withdrew';
COMMENT ON COLUMN split_revisions.date IS 'ex-date';
COMMENT ON COLUMN split_revisions.valid_until IS 'when this stopped being what the vendor says';
COMMENT ON COLUMN split_revisions.told_at IS 'since when it was told so';

CREATE TABLE dividend_revisions (
    asset_id INTEGER NOT NULL,
    date DATE NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
    unadjusted_value DOUBLE PRECISION,
    currency TEXT,
    declaration_date DATE,
    record_date DATE,
    payment_date DATE,
    period TEXT,
    stored_at TIMESTAMP WITH TIME ZONE NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (asset_id, date, value, valid_until)
);
COMMENT ON TABLE dividend_revisions IS 'old values of dividends that the vendor changed or withdrew';
COMMENT ON COLUMN dividend_revisions.date IS 'ex-date';
COMMENT ON COLUMN dividend_revisions.valid_until IS 'when this stopped being what the vendor says';
COMMENT ON COLUMN dividend_revisions.told_at IS 'since when it was told so';
