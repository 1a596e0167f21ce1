-- A person chooses: assets may be paused, and an exchange may follow watchlists alone. Both keep assets
-- out of the queue, and no discovery changes them.
CREATE TABLE watchlists (
    name TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT watchlists_pkey PRIMARY KEY (name),
    CONSTRAINT moments_are_readable CHECK (created_at >= '0001-01-01 00:00:00+00' AND created_at < '10000-01-01 00:00:00+00')
);
CREATE TABLE watched_assets (
    watchlist TEXT NOT NULL,
    asset_id INTEGER NOT NULL,
    added_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT watched_assets_pkey PRIMARY KEY (watchlist, asset_id),
    CONSTRAINT moments_are_readable CHECK (added_at >= '0001-01-01 00:00:00+00' AND added_at < '10000-01-01 00:00:00+00')
);
COMMENT ON TABLE watched_assets IS 'the assets of the watchlists';
CREATE TABLE follows (
    exchange TEXT NOT NULL,
    watchlist TEXT NOT NULL,
    CONSTRAINT follows_pkey PRIMARY KEY (exchange, watchlist)
);
COMMENT ON TABLE follows IS 'exchanges of which only some watchlists are followed; without a row, all is';

ALTER TABLE assets
    ADD COLUMN paused_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN is_followed BOOLEAN DEFAULT true NOT NULL,
    DROP CONSTRAINT moments_are_readable,
    ADD CONSTRAINT moments_are_readable CHECK (least(retired_at, last_synced, ask_after, lease_until, parked_at, created_at, actions_wanted_at, actions_read_at, read_whole_at, repair_wanted_at, paused_at) >= '0001-01-01 00:00:00+00' AND greatest(retired_at, last_synced, ask_after, lease_until, parked_at, created_at, actions_wanted_at, actions_read_at, read_whole_at, repair_wanted_at, paused_at) < '10000-01-01 00:00:00+00') NOT VALID;
COMMENT ON COLUMN assets.is_active IS 'whether the symbol list names it';
COMMENT ON COLUMN assets.paused_at IS 'since when a person has paused it; no discovery ends that';
COMMENT ON COLUMN assets.is_followed IS 'false: its exchange follows watchlists, and none of them holds it';

CREATE OR REPLACE VIEW active_assets AS
SELECT * FROM assets
WHERE is_active AND is_followed AND paused_at IS NULL AND parked_at IS NULL
  AND retired_at IS NULL;
CREATE OR REPLACE VIEW queued_assets AS
SELECT * FROM active_assets WHERE NOT (is_delisted AND last_synced IS NOT NULL);

DROP INDEX assets_dispatch;
DROP INDEX assets_dispatch_by_exchange;
CREATE INDEX assets_dispatch ON assets (coalesce(last_synced, '-infinity'::timestamptz), id)
    WHERE is_active AND is_followed AND paused_at IS NULL AND ask_after IS NULL AND parked_at IS NULL AND retired_at IS NULL AND NOT (is_delisted AND last_synced IS NOT NULL);
CREATE INDEX assets_dispatch_by_exchange ON assets (exchange, coalesce(last_synced, '-infinity'::timestamptz), id)
    WHERE is_active AND is_followed AND paused_at IS NULL AND ask_after IS NULL AND parked_at IS NULL AND retired_at IS NULL AND NOT (is_delisted AND last_synced IS NOT NULL);
