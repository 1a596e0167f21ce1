-- Park an asset: it waits for a person, and the dead letter says why. Only under its lease.
WITH parked AS (
    UPDATE assets
    SET parked_at = now(), lease_owner = NULL, lease_until = NULL
    WHERE id = %(asset_id)s AND fence = %(fence)s AND lease_owner = %(owner)s
    RETURNING id
), letter AS (
    INSERT INTO dead_letters AS d (asset_id, endpoint, request, status, reason, excerpt, body_sha256)
    SELECT id, %(endpoint)s, %(request)s, %(status)s, %(reason)s, %(excerpt)s, %(body_sha256)s
    FROM parked
    ON CONFLICT (asset_id, endpoint) DO UPDATE
    SET request = excluded.request, status = excluded.status, reason = excluded.reason,
        excerpt = excluded.excerpt, body_sha256 = excluded.body_sha256,
        last_at = now(), count = d.count + 1
    RETURNING asset_id
)
SELECT asset_id FROM letter
UNION ALL
-- Done before, and the answer was lost.
SELECT id FROM assets WHERE id = %(asset_id)s AND fence = %(fence)s AND parked_at IS NOT NULL;
