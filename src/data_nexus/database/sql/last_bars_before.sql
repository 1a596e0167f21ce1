-- The date of each asset's last bar before a day, for assets that have one.
SELECT w.asset_id, before.date
FROM unnest(%(asset_ids)s::int[]) AS w (asset_id)
CROSS JOIN LATERAL (
    SELECT m.date
    FROM market_data m
    WHERE m.asset_id = w.asset_id AND m.date < %(day)s
    ORDER BY m.date DESC
    LIMIT 1
) AS before;
