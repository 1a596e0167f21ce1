-- name: asset_page
-- Assets by exchange and symbol, after one of them: of some exchanges, by the beginning of the symbol,
-- by words of the name, by state. Letters of ASCII are folded by a collation that knows no others, in a
-- tenth of the time.
WITH stated AS (
{assets_by_state}
)
SELECT * FROM (
    SELECT s.id AS asset_id, s.symbol AS code, s.exchange, s.name, s.asset_type, s.last_bar,
           s.synced_through, s.settled_through,
{state_of_asset}
               AS state
    FROM stated s
    WHERE s.retired_at IS NULL
      AND s.exchange = ANY (%(only)s::text[])
      AND (%(beginning)s::text IS NULL OR s.symbol LIKE %(beginning)s)
      AND (%(words)s::text[] IS NULL OR lower(s.name) LIKE ALL (%(words)s))
      AND (%(ascii_words)s::text[] IS NULL OR lower(s.name COLLATE "C") LIKE ALL (%(ascii_words)s))
      -- Most assets are read as far as any can be, so that whether they are stale need not be asked.
      AND (%(state)s::text IS DISTINCT FROM 'stale'
           OR (s.synced_through >= %(latest_published)s AND s.settled_through >= %(latest_settled)s) IS NOT TRUE
           OR s.id IN (SELECT asset_id FROM suspicions WHERE read_after < 'infinity'))
      AND (s.exchange, s.symbol) > (%(after_exchange)s::text, %(after)s::text)
) AS found
WHERE %(state)s::text IS NULL OR state = %(state)s
ORDER BY exchange, code
LIMIT %(most)s

-- name: asset_facts
-- One asset, with its state.
WITH stated AS (
{assets_by_state}
)
SELECT s.id AS asset_id, s.symbol AS code, s.exchange, s.name, s.venue, s.asset_type, s.currency,
       s.isin, s.country, s.first_date, s.last_date, s.last_synced, s.synced_through,
       s.settled_through, s.paused_at, s.parked_at, s.read_whole_at, s.repair_wanted_at, s.is_delisted,
       s.retired_at,
{state_of_asset}
           AS state
FROM stated s

-- name: last_bars
-- The last bars of an asset up to a date, the newest first.
SELECT date, open, high, low, close, adjusted_close, volume
FROM market_data
WHERE asset_id = %(asset_id)s AND date <= %(until)s
ORDER BY date DESC
LIMIT %(most)s

-- name: last_revisions
-- The last revisions of an asset's bars, the newest first.
SELECT date, open, high, low, close, adjusted_close, volume, valid_until
FROM market_data_revisions
WHERE asset_id = %(asset_id)s
ORDER BY valid_until DESC, date DESC
LIMIT %(most)s

-- name: last_syncs
-- The last answers of the vendor's for an asset, the newest first.
SELECT committed_at, run_id, outcome, window_first, window_last, received, inserted, revised,
       unchanged, rejected, withdrawn, calls, cause
FROM sync_log
WHERE asset_id = %(asset_id)s
ORDER BY fence DESC
LIMIT %(most)s

-- name: known_days
-- The last days (UTC) on which bars of an asset came, changed or were withdrawn, the oldest first.
SELECT day
FROM (
    SELECT DISTINCT (committed_at AT TIME ZONE 'UTC')::date AS day
    FROM sync_log
    WHERE asset_id = %(asset_id)s AND (inserted > 0 OR revised > 0 OR withdrawn > 0)
    ORDER BY day DESC
    LIMIT %(most)s
) AS d
ORDER BY day
