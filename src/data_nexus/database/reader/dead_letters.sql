-- name: list_dead_letters
-- The dead letters, the latest first, of some assets or of all.
SELECT a.symbol || '.' || a.exchange AS symbol, d.endpoint, d.request, d.status, d.reason, d.excerpt,
       d.body_sha256, d.first_at, d.last_at, d.count, a.parked_at IS NOT NULL AS is_parked
FROM dead_letters d
JOIN assets a ON a.id = d.asset_id
WHERE %(asset_ids)s::int[] IS NULL OR d.asset_id = ANY (%(asset_ids)s)
ORDER BY d.last_at DESC, symbol

-- name: matching_dead_letters
-- The dead letters that a filter matches; what is NULL filters nothing.
SELECT d.asset_id, d.endpoint
FROM dead_letters d
JOIN assets a ON a.id = d.asset_id
WHERE (%(asset_ids)s::int[] IS NULL OR d.asset_id = ANY (%(asset_ids)s))
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
  AND (%(endpoint)s::text IS NULL OR d.endpoint = %(endpoint)s)
  AND (%(reason)s::text IS NULL OR strpos(lower(d.reason), lower(%(reason)s)) > 0)
  AND (%(until)s::timestamptz IS NULL OR d.last_at <= %(until)s)

-- name: count_matching_dead_letters
-- How many dead letters a filter matches, counted up to a number.
SELECT count(*)
FROM (
    SELECT FROM (
{matching_dead_letters}
    ) AS m
    LIMIT %(most)s
) AS l

-- name: dead_letter_page
-- Dead letters that a filter matches, the latest first, before one of them.
SELECT d.asset_id, a.symbol || '.' || a.exchange AS symbol, d.endpoint, d.request, d.status, d.reason,
       d.excerpt, d.body_sha256, d.first_at, d.last_at, d.count, a.parked_at IS NOT NULL AS is_parked
FROM dead_letters d
JOIN assets a ON a.id = d.asset_id
WHERE (%(asset_ids)s::int[] IS NULL OR d.asset_id = ANY (%(asset_ids)s))
  AND (%(exchange)s::text IS NULL OR a.exchange = %(exchange)s)
  AND (%(endpoint)s::text IS NULL OR d.endpoint = %(endpoint)s)
  AND (%(reason)s::text IS NULL OR strpos(lower(d.reason), lower(%(reason)s)) > 0)
  AND (%(until)s::timestamptz IS NULL OR d.last_at <= %(until)s)
  AND (%(before)s::timestamptz IS NULL OR (d.last_at, d.asset_id, d.endpoint) < (%(before)s, %(before_asset)s, %(before_endpoint)s))
ORDER BY d.last_at DESC, d.asset_id DESC, d.endpoint DESC
LIMIT %(most)s

-- name: retry_dead_letters
-- Put parked assets back into the queue; their dead letters stay until an answer is stored.
UPDATE assets a
SET parked_at = NULL, times_rescued = 0, times_failed = 0, ask_after = NULL
WHERE a.parked_at IS NOT NULL
  AND a.id IN (
      SELECT asset_id FROM (
{matching_dead_letters}
      ) AS m
  )

-- name: drop_dead_letters
-- Give assets up: their dead letters go, and they are paused.
WITH matching AS (
{matching_dead_letters}
), dropped AS (
    DELETE FROM dead_letters
    WHERE (asset_id, endpoint) IN (SELECT asset_id, endpoint FROM matching)
    RETURNING asset_id
)
UPDATE assets a
SET paused_at = coalesce(a.paused_at, now()), parked_at = NULL
WHERE a.id IN (SELECT asset_id FROM dropped)
