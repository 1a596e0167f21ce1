-- name: note_point
-- Note a point of the log to which a backup can be restored; its place in the log.
SELECT pg_create_restore_point(%(point)s)::text

-- name: begin_snapshot
-- Let the snapshot of a transaction begin now, without a limit of time, and give it a name.
SELECT set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       pg_export_snapshot()

-- name: cluster_facts
-- The number of the cluster, the timeline of its log, and the server's version.
SELECT s.system_identifier::text, c.timeline_id, current_setting('server_version')
FROM pg_control_system() AS s CROSS JOIN pg_control_checkpoint() AS c

-- name: short_lock_wait
-- Give up a wait for a lock before the server looks for deadlocks, so that no writer is the victim.
SELECT set_config('lock_timeout', '400ms', true)

-- name: existing_tables
-- Which of some tables a schema has.
SELECT c.relname::text
FROM pg_class AS c
WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s::text))
  AND c.relname = ANY (%(tables)s::text[])
  AND c.relkind IN ('r', 'p')
ORDER BY 1

-- name: schema_revision
-- The version of the tables.
SELECT version_num FROM alembic_version
