-- An asset's currency, whether its actions were read lately, and how they failed to explain its bars.
SELECT a.currency, coalesce(a.actions_read_at > now() - %(days)s * interval '1 day', false) AS is_recent,
       f.first_date, f.last_date, f.count, f.worst, f.detail
FROM assets a
LEFT JOIN findings f ON f.asset_id = a.id AND f.rule = %(rule)s
WHERE a.id = %(asset_id)s;
