-- Show how a worker is doing.
INSERT INTO workers (owner, state) VALUES (%(owner)s, %(state)s)
ON CONFLICT (owner) DO UPDATE SET seen_at = now(), state = excluded.state;
