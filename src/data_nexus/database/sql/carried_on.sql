-- Say whether a run carried assets on under new fences: the answer when a COMMIT's own was lost.
SELECT EXISTS (
    SELECT
    FROM sync_log l
    JOIN unnest(%(asset_ids)s::int[], %(fences)s::bigint[]) AS moved (id, fence)
      ON l.asset_id = moved.id AND l.fence = moved.fence
    WHERE l.run_id = %(run_id)s
);
