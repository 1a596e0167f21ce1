-- The codes of an exchange, to suggest near names from.
SELECT symbol FROM assets WHERE exchange = %(exchange)s AND retired_at IS NULL;
