-- name: read_universe
-- The listings of an exchange at the end of a day: as the last discovery had them, or, where no
-- discovery reaches, those with stored bars on both sides of the day.
WITH reach AS (
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
CROSS JOIN reach
CROSS JOIN LATERAL (
    SELECT min(m.date) AS first, max(m.date) AS last FROM market_data m WHERE m.asset_id = a.id
) AS life
LEFT JOIN LATERAL (
    SELECT l.symbol FROM listings l WHERE l.asset_id = a.id ORDER BY l.from_moment LIMIT 1
) AS earliest ON true
WHERE a.exchange = %(exchange)s
  AND NOT reach.is_whole
  AND NOT a.asset_type = ANY (reach.types)
  AND %(day)s BETWEEN life.first AND life.last
ORDER BY symbol, asset_id

-- name: read_chain
-- Every asset that bears or bore a symbol, with all stretches in which it was listed.
WITH bearers AS (
    SELECT id FROM assets WHERE exchange = %(exchange)s AND symbol = %(code)s
    UNION
    SELECT asset_id FROM listings WHERE exchange = %(exchange)s AND symbol = %(code)s
)
SELECT a.id, a.symbol || '.' || a.exchange, a.name, a.isin, a.is_delisted, a.retired_at,
       life.first, life.last,
       l.symbol || '.' || l.exchange, l.name, l.venue, l.isin, l.from_moment, l.until_moment, l.began
FROM bearers b
JOIN assets a ON a.id = b.id
CROSS JOIN LATERAL (
    SELECT min(m.date) AS first, max(m.date) AS last FROM market_data m WHERE m.asset_id = a.id
) AS life
LEFT JOIN listings l ON l.asset_id = a.id
ORDER BY a.id, l.from_moment

-- name: read_places
-- Where some assets are listed, how far they are read, and whether more is to come.
SELECT id, exchange, venue, asset_type, synced_through, NOT is_delisted AND retired_at IS NULL
FROM assets
WHERE id = ANY (%(asset_ids)s::int[])
