-- The assets of an exchange that rest for want of bars and lack a session.
SELECT id, symbol
FROM assets
WHERE exchange = %(exchange)s
  AND ask_after IS NOT NULL
  AND retired_at IS NULL
  AND (synced_through IS NULL OR synced_through < %(session)s);
