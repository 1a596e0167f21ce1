-- What the database holds: assets by state, and their dates.
WITH current AS (
    SELECT a.*,
           (SELECT m.date FROM market_data m WHERE m.asset_id = a.id ORDER BY m.date LIMIT 1) AS first_date,
           (SELECT m.date FROM market_data m WHERE m.asset_id = a.id ORDER BY m.date DESC LIMIT 1) AS last_date
    FROM assets a
)
SELECT count(*) AS total,
       count(first_date) AS with_data,
       count(*) FILTER (WHERE first_date IS NULL) AS without_data,
       count(*) FILTER (WHERE first_date IS NOT NULL AND (is_delisted OR last_synced >= now() - %(days_old)s * interval '1 day')) AS fresh,
       count(*) FILTER (WHERE first_date IS NOT NULL AND NOT (is_delisted OR last_synced >= now() - %(days_old)s * interval '1 day')) AS stale,
       count(*) FILTER (WHERE parked_at IS NOT NULL) AS parked,
       count(*) FILTER (WHERE NOT is_active) AS inactive,
       count(*) FILTER (WHERE lease_until >= now()) AS leased,
       count(*) FILTER (WHERE actions_wanted_at IS NOT NULL) AS wanting_actions,
       count(*) FILTER (WHERE EXISTS (SELECT FROM findings f WHERE f.asset_id = current.id)) AS with_findings,
       min(first_date) AS first_date,
       max(last_date) AS last_date
FROM current;
