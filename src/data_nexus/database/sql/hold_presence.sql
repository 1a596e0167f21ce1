-- Show that this worker lives: the lock goes with the session.
SELECT pg_advisory_lock(%(owner)s);
