-- name: lock_exchange
-- Let the discoveries of an exchange wait for each other.
-- What follows compares whole lists: loops over them are never cheaper than hashes, though tables
-- that were just filled, without statistics yet, look as if they were.
SELECT pg_advisory_xact_lock(hashtext('discovery ' || current_schema()), hashtext(%(exchange)s)),
       set_config('enable_nestloop', 'off', true)

-- name: create_staged_listings
-- Where a symbol list waits to be compared with the assets.
CREATE TEMPORARY TABLE staged_listings (
    symbol text PRIMARY KEY,
    venue text NOT NULL,
    name text NOT NULL,
    asset_type text NOT NULL,
    country text NOT NULL,
    currency text NOT NULL,
    isin text
) ON COMMIT DROP

-- name: stage_listings
-- A symbol list goes into its staging table.
COPY staged_listings (symbol, venue, name, asset_type, country, currency, isin) FROM STDIN

-- name: stage_unchanged
-- Stage what is known of listed assets whose lines in the list cannot be read: they stay as they are.
INSERT INTO staged_listings (symbol, venue, name, asset_type, country, currency, isin)
SELECT symbol, venue, name, asset_type, country, currency, isin
FROM assets
WHERE exchange = %(exchange)s
  AND symbol = ANY (%(codes)s::text[])
  AND retired_at IS NULL
  AND is_active
  AND NOT is_delisted
ON CONFLICT DO NOTHING

-- name: compare_listings
-- Compare a staged symbol list with the exchange's assets, before anything is written.
WITH known AS (
    SELECT * FROM assets WHERE exchange = %(exchange)s AND retired_at IS NULL
), listed AS (
    SELECT s.symbol,
           k.id IS NULL AS is_new,
           k.id IS NOT NULL AND NOT k.is_active AND NOT %(delisted)s AS is_back,
           k.id IS NOT NULL AND
               (k.is_delisted, k.is_active, k.venue, k.name, k.asset_type,
                k.country, k.currency, k.isin)
               IS DISTINCT FROM
               (%(delisted)s, true, s.venue, s.name, s.asset_type, s.country, s.currency, s.isin) AS differs
    FROM staged_listings s
    LEFT JOIN known k ON k.symbol = s.symbol
    -- A code that is listed today and delisted as well is that of the listed asset only.
    WHERE NOT (%(delisted)s AND k.id IS NOT NULL AND k.is_active AND NOT k.is_delisted)
), active AS (
    SELECT k.symbol
    FROM known k
    WHERE k.is_active
      AND NOT k.is_delisted
      AND (%(types)s::text[] = '{}' OR k.asset_type = ANY (%(types)s))
)
SELECT (SELECT count(*) FROM listed) AS listed,
       (SELECT count(*) FROM listed WHERE is_new) AS added,
       (SELECT count(*) FROM listed WHERE is_back) AS reactivated,
       (SELECT count(*) FROM listed WHERE differs OR is_back) AS differs,
       (SELECT count(*) FROM active) AS active,
       -- A list of the delisted says nothing of what is listed.
       (SELECT count(*) FROM active a
        WHERE NOT %(delisted)s
          AND NOT EXISTS (SELECT FROM staged_listings s WHERE s.symbol = a.symbol)) AS missing

-- name: upsert_listings
-- Add the new listings of a staged symbol list, and bring the known ones in line where they differ.
INSERT INTO assets AS a
    (symbol, exchange, venue, name, asset_type, country, currency, isin, is_active, is_delisted)
SELECT s.symbol, %(exchange)s, s.venue, s.name, s.asset_type, s.country, s.currency, s.isin, true, %(delisted)s
FROM staged_listings s
ORDER BY s.symbol
ON CONFLICT (exchange, symbol) WHERE retired_at IS NULL DO UPDATE
SET venue = excluded.venue,
    name = excluded.name,
    asset_type = excluded.asset_type,
    country = excluded.country,
    currency = excluded.currency,
    isin = excluded.isin,
    is_active = true,
    is_delisted = excluded.is_delisted,
    -- A listing that returns may have bars again, whatever was found before.
    ask_after = CASE WHEN a.is_active THEN a.ask_after END
WHERE NOT (excluded.is_delisted AND a.is_active AND NOT a.is_delisted)
  AND (a.is_active, a.is_delisted, a.venue, a.name, a.asset_type, a.country, a.currency, a.isin)
      IS DISTINCT FROM
      (true, excluded.is_delisted, excluded.venue, excluded.name, excluded.asset_type,
       excluded.country, excluded.currency, excluded.isin)

-- name: deactivate_missing
-- Make assets inactive that the list no longer holds; nothing is deleted.
UPDATE assets a
SET is_active = false
WHERE a.exchange = %(exchange)s
  AND a.retired_at IS NULL
  AND a.is_active
  AND NOT a.is_delisted
  AND (%(types)s::text[] = '{}' OR a.asset_type = ANY (%(types)s))
  AND NOT EXISTS (SELECT FROM staged_listings s WHERE s.symbol = a.symbol)

-- name: hold_back
-- Leave out lines of a staged list whose identity is not certain.
DELETE FROM staged_listings WHERE symbol = ANY (%(codes)s::text[])

-- name: leave_out_known
-- Leave out lines of a staged list whose codes assets have.
DELETE FROM staged_listings s
USING assets a
WHERE a.exchange = %(exchange)s AND a.symbol = s.symbol AND a.retired_at IS NULL

-- name: open_listings
-- Begin a range for each listed asset that has no open one.
INSERT INTO listings
    (asset_id, from_moment, symbol, exchange, venue, name, asset_type, isin, began)
SELECT a.id, %(moment)s, s.symbol, a.exchange, s.venue, s.name, s.asset_type, s.isin,
       coalesce(renamed.reason,
                CASE WHEN before.asset_id IS NULL THEN 'listed'
                     WHEN before.until_moment = %(moment)s THEN 'changed'
                     ELSE 'returned' END)
FROM staged_listings s
JOIN assets a ON a.exchange = %(exchange)s AND a.symbol = s.symbol AND a.retired_at IS NULL
LEFT JOIN unnest(%(asset_ids)s::int[], %(reasons)s::text[]) AS renamed (id, reason)
       ON renamed.id = a.id
LEFT JOIN (
    SELECT asset_id, max(until_moment) AS until_moment, bool_or(until_moment IS NULL) AS is_open
    FROM listings WHERE exchange = %(exchange)s GROUP BY asset_id
) AS before ON before.asset_id = a.id
WHERE before.is_open IS NOT TRUE

-- name: close_listings
-- End the ranges that a discovery does not confirm; a truncated list ends none by what it lacks.
UPDATE listings l
SET until_moment = greatest(l.from_moment, %(moment)s)
FROM assets a
LEFT JOIN staged_listings s ON s.symbol = a.symbol
WHERE l.asset_id = a.id
  AND l.until_moment IS NULL
  AND a.exchange = %(exchange)s
  AND CASE
      WHEN a.retired_at IS NOT NULL THEN true
      WHEN s.symbol IS NULL
      THEN NOT %(shrunk)s AND (%(types)s::text[] = '{}' OR a.asset_type = ANY (%(types)s))
      ELSE (l.symbol, l.venue, l.name, l.asset_type, l.isin)
           IS DISTINCT FROM (s.symbol, s.venue, s.name, s.asset_type, s.isin)
      END

-- name: note_delisted_codes
-- Keep the code that a delisted asset was given: a range without length, since it is listed nowhere.
INSERT INTO listings
    (asset_id, from_moment, until_moment, symbol, exchange, venue, name, asset_type, isin, began)
SELECT a.id, %(moment)s, %(moment)s, a.symbol, a.exchange, a.venue, a.name, a.asset_type, a.isin,
       renamed.reason
FROM unnest(%(asset_ids)s::int[], %(reasons)s::text[]) AS renamed (id, reason)
JOIN assets a ON a.id = renamed.id

-- name: note_discovery
-- Note that a symbol list was compared with the assets.
INSERT INTO discoveries (exchange, moment, is_delisted, types, listed, is_shrunk)
VALUES (%(exchange)s, %(moment)s, %(delisted)s, %(types)s, %(listed)s, %(shrunk)s)

-- name: list_moment
-- The moment of a symbol list: as given, else now, and never before the list read before it.
SELECT greatest(coalesce(%(moment)s::timestamptz, clock_timestamp()), max(moment))
FROM discoveries
WHERE exchange = %(exchange)s

-- name: some_moved
-- Say whether listed assets are missing from a list that holds codes which no listed asset has.
WITH listed AS (
    SELECT symbol FROM assets
    WHERE exchange = %(exchange)s AND retired_at IS NULL AND is_active AND NOT is_delisted
      AND (%(types)s::text[] = '{}' OR asset_type = ANY (%(types)s))
), codes AS (
    SELECT unnest(%(codes)s::text[]) AS symbol
)
SELECT EXISTS (SELECT symbol FROM listed EXCEPT SELECT symbol FROM codes)
   AND EXISTS (SELECT symbol FROM codes EXCEPT SELECT symbol FROM listed)

-- name: last_lists
-- The symbol lists as they were last read whole, of each exchange the listed and the delisted. One of
-- a moment to come was read by a clock that ran ahead: any other is newer, and it is of now at most.
SELECT DISTINCT ON (exchange, is_delisted)
       exchange, is_delisted, types, listed, least(moment, now() + interval '1 day') AS moment
FROM discoveries
WHERE NOT is_shrunk
ORDER BY exchange, is_delisted, moment > now() + interval '1 day', moment DESC, id DESC

-- name: knows_exchange
-- Say whether an exchange has assets.
SELECT EXISTS (SELECT FROM assets WHERE exchange = %(exchange)s)

-- name: keep_exchanges
-- Keep the vendor's list of exchanges in place of the one before.
WITH gone AS (
    DELETE FROM vendor_exchanges WHERE code <> ALL (%(codes)s::text[])
)
INSERT INTO vendor_exchanges (code, name, country, currency, operating_mic)
SELECT *
FROM unnest(
    %(codes)s::text[], %(names)s::text[], %(countries)s::text[], %(currencies)s::text[],
    %(operating_mics)s::text[]
)
ORDER BY 1
ON CONFLICT (code) DO UPDATE
SET name = excluded.name, country = excluded.country, currency = excluded.currency,
    operating_mic = excluded.operating_mic, listed_at = excluded.listed_at
