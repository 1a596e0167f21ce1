-- name: lock_follows
-- Let changes to what is followed, and discoveries of new assets, wait for each other.
SELECT pg_advisory_xact_lock(hashtext('follows ' || current_schema()))

-- name: follow_only
-- Let the exchanges of a watchlist's assets follow it, and no other one.
WITH chosen AS (
    SELECT DISTINCT a.exchange
    FROM watched_assets m JOIN assets a ON a.id = m.asset_id
    WHERE m.watchlist = %(name)s
), others AS (
    DELETE FROM follows f USING chosen c WHERE f.exchange = c.exchange AND f.watchlist <> %(name)s
)
INSERT INTO follows (exchange, watchlist)
SELECT exchange, %(name)s FROM chosen
ON CONFLICT DO NOTHING

-- name: follow_too
-- Let the exchanges of a watchlist's assets that do not follow all follow it as well.
INSERT INTO follows (exchange, watchlist)
SELECT DISTINCT a.exchange, %(name)s
FROM watched_assets m
JOIN assets a ON a.id = m.asset_id
WHERE m.watchlist = %(name)s AND EXISTS (SELECT FROM follows f WHERE f.exchange = a.exchange)
ON CONFLICT DO NOTHING

-- name: follow_all
-- Let an exchange follow all its assets again.
DELETE FROM follows WHERE exchange = %(exchange)s

-- name: mark_followed
-- Bring the mark of each asset in line with what its exchange follows; the queue reads that alone.
UPDATE assets a
SET is_followed = f.is_followed
FROM (
    SELECT id, NOT EXISTS (SELECT FROM follows f WHERE f.exchange = assets.exchange)
               OR EXISTS (
                   SELECT
                   FROM follows f JOIN watched_assets m USING (watchlist)
                   WHERE f.exchange = assets.exchange AND m.asset_id = assets.id
               ) AS is_followed
    FROM assets
    WHERE %(exchange)s::text IS NULL OR exchange = %(exchange)s
) AS f
WHERE f.id = a.id AND a.is_followed <> f.is_followed

-- name: list_followed
-- Each exchange with the watchlists that it follows, none if it follows all, and how many assets.
SELECT a.exchange,
       ARRAY(SELECT f.watchlist FROM follows f WHERE f.exchange = a.exchange ORDER BY 1) AS watchlists,
       count(*) FILTER (WHERE a.is_followed) AS followed,
       count(*) FILTER (WHERE a.paused_at IS NOT NULL) AS paused,
       count(*) AS assets
FROM assets a
WHERE a.retired_at IS NULL
GROUP BY a.exchange
ORDER BY a.exchange

-- name: pause_assets
-- Pause assets: some, or those of an exchange. What is paused already keeps its moment.
UPDATE assets
SET paused_at = now()
WHERE paused_at IS NULL
  AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
  AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))

-- name: resume_assets
-- End the pauses of some assets, or of those of an exchange.
UPDATE assets
SET paused_at = NULL
WHERE paused_at IS NOT NULL
  AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
  AND (%(asset_ids)s::int[] IS NULL OR id = ANY (%(asset_ids)s))

-- name: kept_out
-- Those of some assets that a person, or an unfit answer, keeps out of the queue; and what their
-- exchange follows.
SELECT a.symbol || '.' || a.exchange AS ticker, a.paused_at IS NOT NULL AS is_paused,
       a.parked_at IS NOT NULL AS is_parked,
       ARRAY(SELECT f.watchlist FROM follows f WHERE f.exchange = a.exchange ORDER BY 1) AS follows
FROM assets a
WHERE a.id = ANY (%(asset_ids)s::int[])
  AND (NOT a.is_followed OR a.paused_at IS NOT NULL OR a.parked_at IS NOT NULL)
ORDER BY ticker
