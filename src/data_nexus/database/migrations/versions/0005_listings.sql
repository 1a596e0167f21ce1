-- Who was listed when, and under which code: one row an unbroken stretch, and the discoveries that
-- say how far this knowledge reaches.
CREATE TABLE discoveries (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    exchange TEXT NOT NULL,
    moment TIMESTAMP WITH TIME ZONE NOT NULL,
    is_delisted BOOLEAN NOT NULL,
    types TEXT[] NOT NULL,
    listed INTEGER NOT NULL,
    is_shrunk BOOLEAN NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX discoveries_by_exchange ON discoveries (exchange, moment);
COMMENT ON TABLE discoveries IS 'the symbol lists that were compared with the assets';
COMMENT ON COLUMN discoveries.is_delisted IS 'whether it was the list of the dead';
COMMENT ON COLUMN discoveries.types IS 'the asset types it was restricted to; empty is all';
COMMENT ON COLUMN discoveries.listed IS 'how many symbols the list held';
COMMENT ON COLUMN discoveries.is_shrunk IS 'taken for truncated: what it lacks says nothing';

CREATE TABLE listings (
    asset_id INTEGER NOT NULL,
    from_moment TIMESTAMP WITH TIME ZONE NOT NULL,
    until_moment TIMESTAMP WITH TIME ZONE,
    symbol TEXT NOT NULL,
    exchange TEXT NOT NULL,
    venue TEXT NOT NULL,
    name TEXT NOT NULL,
    asset_type TEXT NOT NULL,
    isin TEXT,
    began TEXT NOT NULL,
    PRIMARY KEY (asset_id, from_moment)
);
CREATE UNIQUE INDEX listings_open ON listings (asset_id) WHERE until_moment IS NULL;
CREATE INDEX listings_by_code ON listings (exchange, symbol);
COMMENT ON TABLE listings IS 'under which code and name an asset was listed, from discovery to discovery';
COMMENT ON COLUMN listings.from_moment IS 'the first discovery that had it so';
COMMENT ON COLUMN listings.until_moment IS 'the first discovery that had it so no longer; NULL is still';
COMMENT ON COLUMN listings.symbol IS 'the code, AAPL';
COMMENT ON COLUMN listings.began IS 'listed, changed, returned, or why it was renamed';
