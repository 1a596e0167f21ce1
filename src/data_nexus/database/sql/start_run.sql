-- Open a run, and close those whose process was lost before it could.
WITH lost AS (
    UPDATE runs
    SET finished_at = now(), outcome = 'lost: its process ended'
    WHERE finished_at IS NULL
      AND owner IS NOT NULL
      AND NOT EXISTS (
          SELECT
          FROM pg_locks l
          WHERE l.locktype = 'advisory'
            AND l.objsubid = 1
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND ((l.classid::bigint << 32) | l.objid::bigint) = owner
      )
)
INSERT INTO runs (command, owner) VALUES (%(command)s, %(owner)s) RETURNING id;
