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

-- name: note_life
-- Leave a moment in the log, so that a database that rests can be restored to any moment.
SELECT pg_logical_emit_message(true, 'data-nexus', '')

-- name: stream_state
-- Whether the log that the stream of backups wants next is still there.
SELECT wal_status FROM pg_replication_slots WHERE slot_name = %(slot)s

-- name: end_left_stream
-- End the stream that goes on although the command that began it is gone.
SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots
WHERE slot_name = %(slot)s AND active

-- name: forget_other_streams
-- Keep no log for streams of other folders that have ended.
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots
WHERE slot_name LIKE %(slots)s AND slot_name <> %(slot)s AND NOT active

-- name: begin_stream
-- Keep the log from now on for the stream of backups.
SELECT pg_create_physical_replication_slot(%(slot)s, true)

-- name: drop_stream
-- Forget where the stream of backups has arrived.
SELECT pg_drop_replication_slot(%(slot)s)
