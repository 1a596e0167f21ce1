-- Every asset, with the dates of its first and last bar.
SELECT a.id, a.symbol || '.' || a.exchange, a.symbol, a.exchange, a.venue, a.name, a.asset_type, a.country, a.currency,
       a.isin, a.is_active, a.is_delisted, a.retired_at, a.synced_through, life.first, life.last
FROM assets a
CROSS JOIN LATERAL (
    SELECT min(m.date) AS first, max(m.date) AS last FROM market_data m WHERE m.asset_id = a.id
) AS life
ORDER BY a.id;
