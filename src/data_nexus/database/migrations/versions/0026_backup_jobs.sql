-- Jobs back up, too, and restore a backup on trial.
COMMENT ON COLUMN jobs.action IS 'update, discover, snapshot, verify, backup or drill';
COMMENT ON COLUMN jobs.target IS 'where a snapshot or the backups are';
