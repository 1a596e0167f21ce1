-- Become the one update in bulk of an exchange, unless there is another; it ends with the session.
SELECT pg_try_advisory_lock(hashtext('update'), hashtext(current_schema() || '.' || %(exchange)s));
