-- The dead letters, the latest first; of one asset or of all.
SELECT a.symbol || '.' || a.exchange AS symbol, d.endpoint, d.request, d.status, d.reason, d.excerpt,
       d.body_sha256, d.first_at, d.last_at, d.count, a.parked_at IS NOT NULL AS is_parked
FROM dead_letters d
JOIN assets a ON a.id = d.asset_id
WHERE %(asset_ids)s::int[] IS NULL OR d.asset_id = ANY (%(asset_ids)s)
ORDER BY d.last_at DESC, symbol;
