-- The first schema: assets as the queue, bars and what belongs to them, the logs.

CREATE TABLE assets (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    symbol TEXT NOT NULL,
    exchange TEXT NOT NULL,
    venue TEXT DEFAULT '' NOT NULL,
    name TEXT DEFAULT '' NOT NULL,
    asset_type TEXT DEFAULT '' NOT NULL,
    country TEXT DEFAULT '' NOT NULL,
    currency TEXT DEFAULT '' NOT NULL,
    isin TEXT,
    is_active BOOLEAN DEFAULT true NOT NULL,
    is_delisted BOOLEAN DEFAULT false NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE,
    last_synced TIMESTAMP WITH TIME ZONE,
    synced_through DATE,
    ask_after TIMESTAMP WITH TIME ZONE,
    times_empty SMALLINT DEFAULT '0' NOT NULL,
    times_failed SMALLINT DEFAULT '0' NOT NULL,
    lease_owner BIGINT,
    lease_until TIMESTAMP WITH TIME ZONE,
    fence BIGINT DEFAULT '0' NOT NULL,
    times_rescued SMALLINT DEFAULT '0' NOT NULL,
    parked_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX assets_absent ON assets (ask_after) WHERE ask_after IS NOT NULL;
CREATE UNIQUE INDEX assets_code ON assets (exchange, symbol) WHERE retired_at IS NULL;
CREATE INDEX assets_dispatch ON assets (coalesce(last_synced, '-infinity'::timestamptz), id) WHERE is_active AND ask_after IS NULL AND parked_at IS NULL AND retired_at IS NULL AND NOT (is_delisted AND last_synced IS NOT NULL);
CREATE INDEX assets_dispatch_by_exchange ON assets (exchange, coalesce(last_synced, '-infinity'::timestamptz), id) WHERE is_active AND ask_after IS NULL AND parked_at IS NULL AND retired_at IS NULL AND NOT (is_delisted AND last_synced IS NOT NULL);
CREATE INDEX assets_leased ON assets (lease_owner) WHERE lease_owner IS NOT NULL;
COMMENT ON TABLE assets IS 'every listing ever seen; the table is the dispatch queue';
COMMENT ON COLUMN assets.symbol IS 'the code, AAPL';
COMMENT ON COLUMN assets.exchange IS 'the code in vendor paths, US';
COMMENT ON COLUMN assets.venue IS 'where it trades, NASDAQ';
COMMENT ON COLUMN assets.asset_type IS 'Common Stock, ETF, …';
COMMENT ON COLUMN assets.is_active IS 'whether the queue hands it out; false is a pause';
COMMENT ON COLUMN assets.retired_at IS 'since when its code belongs to another asset';
COMMENT ON COLUMN assets.last_synced IS 'the vendor''s last complete answer; NULL is never';
COMMENT ON COLUMN assets.synced_through IS 'the cursor: every session up to it is stored or known absent';
COMMENT ON COLUMN assets.ask_after IS 'not to be asked for before, because the vendor had no bars';
COMMENT ON COLUMN assets.times_empty IS 'answers without bars in a row';
COMMENT ON COLUMN assets.times_failed IS 'runs in a row without a usable answer';
COMMENT ON COLUMN assets.lease_owner IS 'the worker that holds it';
COMMENT ON COLUMN assets.fence IS 'rises with each claim; a stale one writes nothing';
COMMENT ON COLUMN assets.times_rescued IS 'leases in a row that their worker lost';
COMMENT ON COLUMN assets.parked_at IS 'waits for a person';

CREATE TABLE market_data (
    asset_id INTEGER NOT NULL,
    date DATE NOT NULL,
    open DOUBLE PRECISION NOT NULL,
    high DOUBLE PRECISION NOT NULL,
    low DOUBLE PRECISION NOT NULL,
    close DOUBLE PRECISION NOT NULL,
    adjusted_close DOUBLE PRECISION NOT NULL,
    volume DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (asset_id, date),
    CONSTRAINT open_is_a_number CHECK (open >= 0 AND open < 'Infinity'),
    CONSTRAINT high_is_a_number CHECK (high >= 0 AND high < 'Infinity'),
    CONSTRAINT low_is_a_number CHECK (low >= 0 AND low < 'Infinity'),
    CONSTRAINT close_is_a_number CHECK (close >= 0 AND close < 'Infinity'),
    CONSTRAINT adjusted_close_is_a_number CHECK (adjusted_close >= 0 AND adjusted_close < 'Infinity'),
    CONSTRAINT volume_is_a_number CHECK (volume >= 0 AND volume < 'Infinity')
);
COMMENT ON TABLE market_data IS 'daily bars as the vendor sends them; prices raw, volume split-adjusted';
COMMENT ON COLUMN market_data.date IS 'the session';
COMMENT ON COLUMN market_data.adjusted_close IS 'for splits and dividends, by the vendor';

CREATE TABLE market_data_revisions (
    asset_id INTEGER NOT NULL,
    date DATE NOT NULL,
    valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
    open DOUBLE PRECISION NOT NULL,
    high DOUBLE PRECISION NOT NULL,
    low DOUBLE PRECISION NOT NULL,
    close DOUBLE PRECISION NOT NULL,
    adjusted_close DOUBLE PRECISION NOT NULL,
    volume DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (asset_id, date, valid_until)
);
COMMENT ON TABLE market_data_revisions IS 'old values of bars that the vendor restated';
COMMENT ON COLUMN market_data_revisions.valid_until IS 'when these values stopped being what the vendor says';

CREATE TABLE splits (
    asset_id INTEGER NOT NULL,
    date DATE NOT NULL,
    numerator DOUBLE PRECISION NOT NULL,
    denominator DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (asset_id, date)
);
COMMENT ON COLUMN splits.date IS 'ex-date';

CREATE TABLE dividends (
    asset_id INTEGER NOT NULL,
    date DATE NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    unadjusted_value DOUBLE PRECISION,
    currency TEXT,
    declaration_date DATE,
    record_date DATE,
    payment_date DATE,
    period TEXT,
    PRIMARY KEY (asset_id, date)
);
COMMENT ON COLUMN dividends.date IS 'ex-date';
COMMENT ON COLUMN dividends.value IS 'as the vendor adjusts it for splits';

CREATE TABLE rejected_rows (
    asset_id INTEGER NOT NULL,
    date DATE,
    rule TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL
);
CREATE UNIQUE INDEX rejected_rows_once ON rejected_rows (asset_id, date, rule, md5(excerpt)) NULLS NOT DISTINCT;
COMMENT ON COLUMN rejected_rows.rule IS 'the name of the rule that it broke';
COMMENT ON COLUMN rejected_rows.excerpt IS 'the vendor''s own text, bounded';

CREATE TABLE dead_letters (
    asset_id INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    status INTEGER,
    reason TEXT NOT NULL,
    excerpt TEXT DEFAULT '' NOT NULL,
    body_sha256 TEXT,
    first_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    last_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    count INTEGER DEFAULT '1' NOT NULL,
    PRIMARY KEY (asset_id, endpoint)
);

CREATE TABLE sync_log (
    asset_id INTEGER NOT NULL,
    fence BIGINT NOT NULL,
    run_id INTEGER,
    outcome TEXT NOT NULL,
    window_first DATE NOT NULL,
    window_last DATE NOT NULL,
    received INTEGER NOT NULL,
    inserted INTEGER NOT NULL,
    revised INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    flagged JSONB DEFAULT '{}' NOT NULL,
    calls INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    body_sha256 TEXT,
    committed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (asset_id, fence)
);
COMMENT ON COLUMN sync_log.fence IS 'the lease it was asked under';
COMMENT ON COLUMN sync_log.outcome IS 'stored, empty or not listed';
COMMENT ON COLUMN sync_log.flagged IS 'odd rows stored as sent, counted by rule';
COMMENT ON COLUMN sync_log.calls IS 'of the daily quota';
COMMENT ON COLUMN sync_log.requests IS 'on the wire, retries included';

CREATE TABLE quota_ledger (
    token_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    window_start TIMESTAMP WITH TIME ZONE NOT NULL,
    spent INTEGER DEFAULT '0' NOT NULL,
    cap INTEGER,
    PRIMARY KEY (token_id, kind, window_start)
);
COMMENT ON COLUMN quota_ledger.token_id IS 'a keyed hash of the token';
COMMENT ON COLUMN quota_ledger.kind IS 'day or minute';

CREATE TABLE runs (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    command TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    outcome TEXT DEFAULT 'running' NOT NULL,
    figures JSONB DEFAULT '{}' NOT NULL,
    PRIMARY KEY (id)
);

CREATE VIEW bars AS
SELECT a.symbol || '.' || a.exchange AS ticker, m.date, m.open, m.high, m.low, m.close,
       m.adjusted_close, m.volume, m.asset_id
FROM market_data m JOIN assets a ON a.id = m.asset_id;
