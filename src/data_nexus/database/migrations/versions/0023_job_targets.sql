-- A job may write somewhere else than into the database: a snapshot has a target.
ALTER TABLE jobs ADD COLUMN target TEXT;
COMMENT ON COLUMN jobs.action IS 'update, discover, snapshot or verify';
COMMENT ON COLUMN jobs.target IS 'where a snapshot is written';
