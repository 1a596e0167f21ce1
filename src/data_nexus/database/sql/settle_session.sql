-- Move the cursors of assets over a session in bulk, under a new fence of each, and log what it
-- brought; return those that somebody has leased meanwhile, of which nothing is written.
WITH settled AS (
    SELECT *
    FROM unnest(
        %(asset_ids)s::int[], %(fences)s::bigint[], %(are_stored)s::bool[], %(are_rejected)s::bool[]
    ) AS t (asset_id, fence, is_stored, is_rejected)
), moved AS (
    UPDATE assets a
    SET fence = a.fence + 1,
        last_synced = CASE WHEN is_stored OR is_rejected THEN now() ELSE a.last_synced END,
        synced_through = greatest(a.synced_through, %(session)s),
        last_bar = CASE WHEN is_stored THEN %(session)s ELSE a.last_bar END,
        times_empty = CASE WHEN is_stored THEN 0 ELSE least(a.times_empty + 1, 32767) END,
        times_failed = 0
    FROM settled s
    WHERE a.id = s.asset_id AND a.fence = s.fence AND a.lease_owner IS NULL
    RETURNING a.id, a.fence, is_stored, is_rejected
), healed AS (
    DELETE FROM dead_letters d USING moved m WHERE d.asset_id = m.id
), logged AS (
    INSERT INTO sync_log (
        asset_id, fence, run_id, outcome, window_first, window_last, received, inserted, revised,
        unchanged, rejected, flagged, calls, requests, body_sha256, arrived, passed_to
    )
    SELECT m.id, m.fence, %(run_id)s,
           CASE WHEN is_stored OR is_rejected THEN 'stored' ELSE 'empty' END,
           %(session)s, %(session)s, is_stored::int + is_rejected::int, is_stored::int, 0,
           0, is_rejected::int, coalesce(f.flagged, '{}'), 0, 0, %(sha256)s,
           CASE WHEN is_stored THEN datemultirange(daterange(%(session)s, %(session)s, '[]')) END,
           %(session)s
    FROM moved m
    LEFT JOIN unnest(%(flagged_ids)s::int[], %(flags)s::jsonb[]) AS f (asset_id, flagged)
      ON f.asset_id = m.id
)
SELECT s.asset_id
FROM settled s
WHERE NOT EXISTS (SELECT FROM moved m WHERE m.id = s.asset_id);
