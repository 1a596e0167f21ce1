-- Free the leases that ran out, and those whose worker has left: its session's advisory lock is gone.
-- A row that a dying session still holds is left for the next time. A lease older than the server
-- proves nothing against its asset: all workers lost their sessions when the server restarted.
WITH lost AS (
    SELECT id
    FROM assets
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
    FOR UPDATE SKIP LOCKED
)
UPDATE assets a
SET lease_owner = NULL,
    lease_until = NULL,
    times_rescued = CASE
        WHEN lease_until < pg_postmaster_start_time()
            OR lease_until > now()
            AND lease_until - make_interval(secs => %(lease_sec)s) < pg_postmaster_start_time()
            THEN a.times_rescued
        ELSE least(a.times_rescued + 1, 32767)
    END
FROM lost
WHERE a.id = lost.id
RETURNING a.id;
