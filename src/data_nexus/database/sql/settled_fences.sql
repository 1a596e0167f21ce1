-- Say which leases of a batch have been settled: the answer when a COMMIT's own answer was lost.
SELECT l.asset_id
FROM sync_log l
JOIN unnest(%(asset_ids)s::int[], %(fences)s::bigint[]) AS held (id, fence)
  ON l.asset_id = held.id AND l.fence = held.fence;
