-- name: read_universe
-- The listings of an exchange at the end of a day: as the last discovery had them, or, where no
-- discovery reaches, those with stored bars on both sides of the day.
WITH discovered AS (
    SELECT coalesce(bool_or(d.types = '{}'), false) AS is_whole,
           coalesce(array_agg(t.kind) FILTER (WHERE t.kind IS NOT NULL), '{}') AS types
    FROM discoveries d
    LEFT JOIN LATERAL unnest(d.types) AS t (kind) ON true
    WHERE d.exchange = %(exchange)s AND NOT d.is_delisted AND d.moment < %(day_end)s
)
SELECT l.asset_id, l.symbol || '.' || l.exchange AS symbol, l.name, l.venue, l.asset_type, l.isin,
       'listed' AS basis, l.from_moment::date AS since, l.until_moment::date AS until
FROM listings l
WHERE l.exchange = %(exchange)s
  AND l.from_moment < %(day_end)s
  AND (l.until_moment IS NULL OR l.until_moment >= %(day_end)s)
UNION ALL
SELECT a.id, coalesce(earliest.symbol, a.symbol) || '.' || a.exchange, a.name, a.venue,
       a.asset_type, a.isin, 'first and last bar', life.first, life.last
FROM assets a
CROSS JOIN discovered d
CROSS JOIN LATERAL (
    SELECT min(m.date) AS first, max(m.date) AS last FROM market_data m WHERE m.asset_id = a.id
) AS life
LEFT JOIN LATERAL (
    SELECT l.symbol FROM listings l WHERE l.asset_id = a.id ORDER BY l.from_moment LIMIT 1
) AS earliest ON true
WHERE a.exchange = %(exchange)s
  AND NOT d.is_whole
  AND NOT a.asset_type = ANY (d.types)
  AND %(day)s BETWEEN life.first AND life.last
ORDER BY symbol, asset_id

-- name: read_holders
-- Every asset that has or had a symbol, with the dates of its first and last bar.
WITH holders AS (
    SELECT id FROM assets WHERE exchange = %(exchange)s AND symbol = %(code)s
    UNION
    SELECT asset_id FROM listings WHERE exchange = %(exchange)s AND symbol = %(code)s
)
SELECT a.id AS asset_id, a.symbol || '.' || a.exchange AS symbol, a.name, a.isin, a.is_delisted,
       a.retired_at, life.first AS first_bar, life.last AS last_bar
FROM holders h
JOIN assets a ON a.id = h.id
CROSS JOIN LATERAL (
    SELECT min(m.date) AS first, max(m.date) AS last FROM market_data m WHERE m.asset_id = a.id
) AS life
ORDER BY a.id

-- name: read_listings
-- All listings of some assets, the oldest first.
SELECT asset_id, symbol || '.' || exchange AS symbol, name, venue, isin, from_moment, until_moment,
       began
FROM listings
WHERE asset_id = ANY (%(asset_ids)s::int[])
ORDER BY asset_id, from_moment

-- name: read_states
-- Where some assets are listed, how far they are read, and whether more bars are to come.
SELECT id AS asset_id, exchange, venue, asset_type, synced_through, settled_through,
       NOT is_delisted AND retired_at IS NULL AS is_listed
FROM assets
WHERE id = ANY (%(asset_ids)s::int[])
