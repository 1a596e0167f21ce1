-- Park the assets that took their worker down too often: three times in a row is no accident.
WITH parked AS (
    UPDATE assets
    SET parked_at = now(), lease_owner = NULL, lease_until = NULL
    WHERE times_rescued >= %(most)s AND parked_at IS NULL AND is_active
      AND lease_owner IS NULL
    RETURNING id, times_rescued
)
INSERT INTO dead_letters AS d (asset_id, endpoint, request, reason)
SELECT id, 'eod', '', 'its worker ended ' || times_rescued || ' times in a row while it held the asset'
FROM parked
ON CONFLICT (asset_id, endpoint) DO UPDATE
SET request = excluded.request, status = NULL, reason = excluded.reason, excerpt = '',
    body_sha256 = NULL, last_at = now(), count = d.count + 1;
