-- Lock the assets of a batch whose leases are still this worker's; the missing ones were taken over.
SELECT a.id
FROM assets a
JOIN unnest(%(asset_ids)s::int[], %(fences)s::bigint[]) AS held (id, fence)
  ON a.id = held.id AND a.fence = held.fence
WHERE a.lease_owner = %(owner)s
ORDER BY a.id
FOR UPDATE OF a;
