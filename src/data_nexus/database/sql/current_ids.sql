-- The assets of an exchange that bear some codes now.
SELECT symbol, id
FROM assets
WHERE exchange = %(exchange)s AND symbol = ANY(%(codes)s::text[]) AND retired_at IS NULL;
