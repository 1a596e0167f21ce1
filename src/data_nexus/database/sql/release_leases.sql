-- Give leases back without an answer; the assets stay due. A failed one is counted as such,
-- and has shown that it takes no worker down.
UPDATE assets a
SET lease_owner = NULL,
    lease_until = NULL,
    times_rescued = CASE WHEN held.failed THEN 0 ELSE a.times_rescued END,
    times_failed = CASE WHEN held.failed THEN least(a.times_failed + 1, 32767) ELSE a.times_failed END
FROM unnest(%(asset_ids)s::int[], %(fences)s::bigint[], %(failed)s::bool[]) AS held (id, fence, failed)
WHERE a.id = held.id AND a.fence = held.fence AND a.lease_owner = %(owner)s;
