-- The assets of an exchange that have bars and whose code is their own.
SELECT symbol || '.' || exchange, id, currency
FROM assets
WHERE exchange = %(exchange)s AND retired_at IS NULL AND last_bar IS NOT NULL;
