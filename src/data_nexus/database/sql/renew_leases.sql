-- Hold on to leases of this worker for another while; those being committed need it no more.
WITH held AS (
    SELECT id FROM assets WHERE lease_owner = %(owner)s AND id = ANY (%(asset_ids)s::int[]) FOR UPDATE SKIP LOCKED
)
UPDATE assets a
SET lease_until = now() + make_interval(secs => %(lease_sec)s)
FROM held
WHERE a.id = held.id
RETURNING a.id;
