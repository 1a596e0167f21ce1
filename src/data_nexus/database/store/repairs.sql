-- name: want_repair
-- Mark histories that are to be read whole again; one that is marked already keeps its moment.
UPDATE assets
SET repair_wanted_at = now()
WHERE id = ANY (%(asset_ids)s::int[]) AND repair_wanted_at IS NULL

-- name: want_repair_of_exchange
-- Mark all loaded histories of an exchange.
UPDATE assets
SET repair_wanted_at = now()
WHERE exchange = %(exchange)s AND last_bar IS NOT NULL AND retired_at IS NULL
  AND repair_wanted_at IS NULL

-- name: damaged_left
-- Count the marked histories, of some assets or of an exchange.
SELECT count(*)
FROM assets
WHERE repair_wanted_at <= %(moment)s AND retired_at IS NULL
  AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
  AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))

-- name: loaded_assets
-- Loaded histories that the vendor can be asked for: some assets, or some by chance of an exchange.
SELECT id, symbol, exchange, asset_type
FROM assets
WHERE last_bar IS NOT NULL
  AND parked_at IS NULL
  AND retired_at IS NULL
  AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
  AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))
ORDER BY random()
LIMIT %(most)s
