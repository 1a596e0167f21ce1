-- Note that a session was looked at after a later one was out.
INSERT INTO settled_sessions (exchange, session, looked_at)
VALUES (%(exchange)s, %(session)s, now())
ON CONFLICT (exchange, session) DO UPDATE SET looked_at = excluded.looked_at;
