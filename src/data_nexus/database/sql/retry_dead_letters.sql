-- Put parked assets back into the queue; their letters stay until an answer is stored.
UPDATE assets a
SET parked_at = NULL, times_rescued = 0, times_failed = 0, ask_after = NULL
WHERE a.parked_at IS NOT NULL
  AND (%(asset_ids)s::int[] IS NULL OR a.id = ANY (%(asset_ids)s))
  AND EXISTS (SELECT FROM dead_letters d WHERE d.asset_id = a.id);
