-- name: read_findings
-- What is found of assets, by symbol.
SELECT a.symbol || '.' || a.exchange AS ticker, f.rule, f.first_date, f.last_date, f.count, f.worst,
       f.detail, f.found_at
FROM findings f
JOIN assets a ON a.id = f.asset_id
WHERE %(exchange)s::text IS NULL OR a.exchange = %(exchange)s
ORDER BY ticker, f.rule
