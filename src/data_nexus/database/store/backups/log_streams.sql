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
