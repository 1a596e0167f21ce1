-- Every asset that bears or bore a symbol, with all stretches in which it was listed.
WITH bearers AS (
    SELECT id FROM assets WHERE exchange = %(exchange)s AND symbol = %(code)s
    UNION
    SELECT asset_id FROM listings WHERE exchange = %(exchange)s AND symbol = %(code)s
)
SELECT a.id, a.symbol || '.' || a.exchange, a.name, a.isin, a.is_delisted, a.retired_at,
       life.first, life.last,
       l.symbol || '.' || l.exchange, l.name, l.venue, l.isin, l.from_moment, l.until_moment, l.began
FROM bearers b
JOIN assets a ON a.id = b.id
CROSS JOIN LATERAL (
    SELECT min(m.date) AS first, max(m.date) AS last FROM market_data m WHERE m.asset_id = a.id
) AS life
LEFT JOIN listings l ON l.asset_id = a.id
ORDER BY a.id, l.from_moment;
