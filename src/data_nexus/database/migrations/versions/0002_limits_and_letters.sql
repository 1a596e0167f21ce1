-- The vendor's limits as one row a token, the workers as they last showed themselves, and what a
-- dead letter asked for. The ledger of 0001 was never written to.
DROP TABLE quota_ledger;

CREATE TABLE quota_ledger (
    token_id TEXT NOT NULL,
    day DATE NOT NULL,
    spent INTEGER DEFAULT '0' NOT NULL,
    day_limit INTEGER,
    extra INTEGER DEFAULT '0' NOT NULL,
    refused BOOLEAN DEFAULT 'false' NOT NULL,
    minute_limit INTEGER NOT NULL,
    next_slot TIMESTAMP WITH TIME ZONE NOT NULL,
    told_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (token_id)
);
COMMENT ON COLUMN quota_ledger.token_id IS 'a keyed hash of the token';
COMMENT ON COLUMN quota_ledger.day IS 'the GMT day that `spent` belongs to';
COMMENT ON COLUMN quota_ledger.spent IS 'calls of the day: charged by us, or more as the vendor counts';
COMMENT ON COLUMN quota_ledger.day_limit IS 'as the vendor tells; NULL is not yet';
COMMENT ON COLUMN quota_ledger.extra IS 'calls beyond the daily ones';
COMMENT ON COLUMN quota_ledger.refused IS 'the vendor said that the day is spent (402), and has not told otherwise since';
COMMENT ON COLUMN quota_ledger.minute_limit IS 'requests a minute, as its headers tell';
COMMENT ON COLUMN quota_ledger.next_slot IS 'when the next request may go out';
COMMENT ON COLUMN quota_ledger.told_at IS 'when the vendor last told the day''s count';

CREATE TABLE workers (
    owner BIGINT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    state JSONB NOT NULL,
    PRIMARY KEY (owner)
);
COMMENT ON COLUMN workers.state IS 'in flight, breadth, retry budget, breakers, what it waits for';

ALTER TABLE dead_letters ADD COLUMN request TEXT DEFAULT '' NOT NULL;
COMMENT ON COLUMN dead_letters.status IS 'of HTTP, where there was an answer';
COMMENT ON COLUMN dead_letters.excerpt IS 'of the body, bounded';
COMMENT ON COLUMN dead_letters.body_sha256 IS 'of the whole body';
COMMENT ON COLUMN dead_letters.request IS 'path and parameters, without the token';

CREATE INDEX assets_suspects ON assets (coalesce(last_synced, '-infinity'::timestamptz), id)
WHERE times_rescued > 0;

ALTER TABLE runs ADD COLUMN owner BIGINT;
COMMENT ON COLUMN runs.owner IS 'the worker whose run it is';
