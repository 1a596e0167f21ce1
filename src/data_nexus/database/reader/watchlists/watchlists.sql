-- name: create_watchlist
-- Add a watchlist; one of that name stays as it is.
INSERT INTO watchlists (name) VALUES (%(name)s) ON CONFLICT DO NOTHING

-- name: drop_watchlist
-- Delete a watchlist, and what it was used for; its assets stay.
WITH members AS (
    DELETE FROM watched_assets WHERE watchlist = %(name)s
), follows AS (
    DELETE FROM follows WHERE watchlist = %(name)s
)
DELETE FROM watchlists WHERE name = %(name)s

-- name: watchlist_names
-- The names of the watchlists.
SELECT name FROM watchlists ORDER BY name

-- name: add_watched
-- Add assets to a watchlist; what it holds already keeps its moment.
INSERT INTO watched_assets (watchlist, asset_id)
SELECT %(name)s, unnest(%(asset_ids)s::int[])
ON CONFLICT DO NOTHING

-- name: remove_watched
-- Take assets out of a watchlist.
DELETE FROM watched_assets WHERE watchlist = %(name)s AND asset_id = ANY (%(asset_ids)s::int[])

-- name: list_watchlists
-- The watchlists with the number of their assets, of those with bars and of those that are followed.
SELECT w.name, count(a.id) AS assets, count(a.last_bar) AS with_data, max(a.last_bar) AS last_date,
       ARRAY(SELECT f.exchange FROM follows f WHERE f.watchlist = w.name ORDER BY f.exchange) AS followed_by,
       w.created_at
FROM watchlists w
LEFT JOIN watched_assets m ON m.watchlist = w.name
LEFT JOIN assets a ON a.id = m.asset_id
GROUP BY w.name
ORDER BY w.name

-- name: list_watched
-- The assets of a watchlist, by ticker; those after one of them, and only so many, where that is asked for.
SELECT a.symbol || '.' || a.exchange AS symbol, a.name, a.asset_type, a.last_bar AS last_date,
       a.synced_through, a.paused_at, m.added_at, a.id AS asset_id
FROM watched_assets m
JOIN assets a ON a.id = m.asset_id
WHERE m.watchlist = %(name)s
  AND (a.symbol || '.' || a.exchange, a.id) > (%(after)s::text, %(after_id)s::int)
ORDER BY a.symbol || '.' || a.exchange, a.id
LIMIT %(most)s

-- name: watched_ids
-- The assets of a watchlist.
SELECT asset_id FROM watched_assets WHERE watchlist = %(name)s ORDER BY asset_id
