-- Free the leases that ran out, and those whose worker has left: its session's advisory lock is gone.
UPDATE assets
SET lease_owner = NULL, lease_until = NULL, times_rescued = least(times_rescued + 1, 32767)
WHERE lease_owner IS NOT NULL
  AND (
      lease_until < now()
      OR NOT EXISTS (
          SELECT
          FROM pg_locks l
          WHERE l.locktype = 'advisory'
            AND l.objsubid = 1
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND ((l.classid::bigint << 32) | l.objid::bigint) = lease_owner
      )
  )
RETURNING id;
