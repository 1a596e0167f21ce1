-- name: find_gone
-- Find the listed assets whose code a staged list lacks or gives to another ISIN, and those at rest
-- that the vendor reports as renamed.
SELECT a.id AS asset_id, a.symbol AS code, a.name, coalesce(a.isin, '') AS isin,
       a.is_active AND NOT a.is_delisted AS is_listed,
       coalesce(l.since, a.created_at)::date AS since
FROM assets a
LEFT JOIN staged_listings s ON s.symbol = a.symbol
LEFT JOIN (
    SELECT asset_id, symbol, min(from_moment) AS since
    FROM listings WHERE exchange = %(exchange)s GROUP BY asset_id, symbol
) AS l ON l.asset_id = a.id AND l.symbol = a.symbol
WHERE a.exchange = %(exchange)s
  AND a.retired_at IS NULL
  AND (s.symbol IS NULL OR s.isin <> a.isin)
  AND (a.is_active AND NOT a.is_delisted
           AND (%(types)s::text[] = '{}' OR a.asset_type = ANY (%(types)s))
       OR a.symbol = ANY (%(old_codes)s::text[]))
ORDER BY a.id

-- name: find_arrivals
-- Find the lines of a staged list that may be a renamed listing, one that returns, or a newcomer
-- under a code that an asset bears.
SELECT s.symbol AS code, s.name, coalesce(s.isin, '') AS isin,
       k.id AS asset_id, k.name AS asset_name, coalesce(k.isin, '') AS asset_isin,
       k.is_active AND NOT k.is_delisted AS is_listed, k.created_at::date AS since
FROM staged_listings s
LEFT JOIN assets k ON k.exchange = %(exchange)s AND k.symbol = s.symbol AND k.retired_at IS NULL
WHERE (k.id IS NULL AND s.symbol = ANY (%(new_codes)s::text[]))
   OR (s.isin IS DISTINCT FROM k.isin AND s.isin = ANY (%(isins)s::text[]))
   OR NOT k.is_active OR k.is_delisted OR s.isin <> k.isin
ORDER BY code

-- name: find_predecessors
-- Find the assets that may be what a staged list of the dead calls CODE_old, each with its past.
SELECT s.symbol AS code, s.name, coalesce(s.isin, '') AS isin,
       a.id AS asset_id, a.symbol AS asset_code, a.name AS asset_name,
       coalesce(a.isin, '') AS asset_isin,
       a.retired_at IS NULL AND a.is_active AND NOT a.is_delisted AS is_listed,
       l.until_moment AS past_until, l.name AS past_name, coalesce(l.isin, '') AS past_isin
FROM staged_listings s
JOIN assets a ON a.exchange = %(exchange)s
             AND a.symbol = regexp_replace(s.symbol, '_old[0-9]*$', '')
LEFT JOIN listings l ON l.asset_id = a.id AND l.symbol = a.symbol AND l.until_moment IS NOT NULL
WHERE s.symbol ~ '._old[0-9]*$'
  AND NOT EXISTS (
      SELECT FROM assets o
      WHERE o.exchange = %(exchange)s AND o.symbol = s.symbol AND o.retired_at IS NULL
  )
ORDER BY code, asset_id, past_until

-- name: rename_assets
-- Give assets without a code their new one; what was found absent under the old one is forgotten.
UPDATE assets a
SET symbol = renamed.code,
    retired_at = NULL,
    is_delisted = %(delisted)s,
    ask_after = NULL,
    times_empty = 0,
    times_failed = 0
FROM unnest(%(asset_ids)s::int[], %(codes)s::text[]) AS renamed (id, code)
WHERE a.id = renamed.id

-- name: retire_assets
-- Take their codes from assets; a worker that holds one of them writes nothing more.
UPDATE assets
SET retired_at = %(moment)s,
    is_delisted = true,
    fence = fence + 1,
    lease_owner = NULL,
    lease_until = NULL
WHERE id = ANY (%(asset_ids)s::int[]) AND retired_at IS NULL

-- name: split_off_asset
-- Make an asset of its own of the listing that has taken over a code since a moment.
WITH heir AS (
    INSERT INTO assets (symbol, exchange, venue, name, asset_type, country, currency, isin)
    SELECT %(code)s, exchange, venue, name, asset_type, country, currency, isin
    FROM assets WHERE id = %(asset_id)s
    RETURNING id
)
UPDATE listings l
SET asset_id = heir.id
FROM heir
WHERE l.asset_id = %(asset_id)s AND l.from_moment >= %(since)s
