-- name: list_dead_letters
-- The dead letters, the latest first, of some assets or of all.
SELECT a.symbol || '.' || a.exchange AS symbol, d.endpoint, d.request, d.status, d.reason, d.excerpt,
       d.body_sha256, d.first_at, d.last_at, d.count, a.parked_at IS NOT NULL AS is_parked
FROM dead_letters d
JOIN assets a ON a.id = d.asset_id
WHERE %(asset_ids)s::int[] IS NULL OR d.asset_id = ANY (%(asset_ids)s)
ORDER BY d.last_at DESC, symbol

-- name: retry_dead_letters
-- Put parked assets back into the queue; their dead letters stay until an answer is stored.
UPDATE assets a
SET parked_at = NULL, times_rescued = 0, times_failed = 0, ask_after = NULL
WHERE a.parked_at IS NOT NULL
  AND (%(asset_ids)s::int[] IS NULL OR a.id = ANY (%(asset_ids)s))
  AND EXISTS (SELECT FROM dead_letters d WHERE d.asset_id = a.id)

-- name: drop_dead_letters
-- Give assets up: their dead letters go, and they are paused.
WITH dropped AS (
    DELETE FROM dead_letters
    WHERE %(asset_ids)s::int[] IS NULL OR asset_id = ANY (%(asset_ids)s)
    RETURNING asset_id
)
UPDATE assets a
SET paused_at = coalesce(a.paused_at, now()), parked_at = NULL
WHERE a.id IN (SELECT asset_id FROM dropped)
