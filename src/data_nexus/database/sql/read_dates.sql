-- The dates of some assets' bars, packed as in `read_bars`.
SELECT w.asset_id, packed.dates
FROM unnest(%(asset_ids)s::int[]) AS w (asset_id)
CROSS JOIN LATERAL (
    SELECT string_agg(date_send(m.date), ''::bytea ORDER BY m.date) AS dates
    FROM market_data m
    WHERE m.asset_id = w.asset_id
    HAVING count(*) > 0
) AS packed;
