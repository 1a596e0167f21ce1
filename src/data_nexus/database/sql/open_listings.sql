-- Begin a stretch for each listed asset that has no open one.
INSERT INTO listings
    (asset_id, from_moment, symbol, exchange, venue, name, asset_type, isin, began)
SELECT a.id, %(moment)s, s.symbol, a.exchange, s.venue, s.name, s.asset_type, s.isin,
       coalesce(renamed.reason,
                CASE WHEN before.asset_id IS NULL THEN 'listed'
                     WHEN before.until_moment = %(moment)s THEN 'changed'
                     ELSE 'returned' END)
FROM staged_listings s
JOIN assets a ON a.exchange = %(exchange)s AND a.symbol = s.symbol AND a.retired_at IS NULL
LEFT JOIN unnest(%(asset_ids)s::int[], %(reasons)s::text[]) AS renamed (id, reason)
       ON renamed.id = a.id
LEFT JOIN (
    SELECT asset_id, max(until_moment) AS until_moment, bool_or(until_moment IS NULL) AS is_open
    FROM listings WHERE exchange = %(exchange)s GROUP BY asset_id
) AS before ON before.asset_id = a.id
WHERE before.is_open IS NOT TRUE;
