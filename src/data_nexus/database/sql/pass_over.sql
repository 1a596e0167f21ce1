-- Move the cursors of assets over a session that they had no bar of, each in the log of its answer.
-- Who was claimed again since is passed over.
WITH told AS (
    SELECT *
    FROM unnest(%(asset_ids)s::int[], %(fences)s::bigint[], %(sessions)s::date[])
        AS t (asset_id, fence, session)
), moved AS (
    UPDATE assets a
    SET synced_through = t.session
    FROM told t
    JOIN sync_log l USING (asset_id, fence)
    WHERE a.id = t.asset_id
      AND a.fence = t.fence
      AND a.lease_owner IS NULL
      AND a.synced_through < t.session
    RETURNING a.id, a.fence, t.session
)
UPDATE sync_log l
SET passed_to = m.session
FROM moved m
WHERE l.asset_id = m.id AND l.fence = m.fence;
