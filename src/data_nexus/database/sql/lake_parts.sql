-- What each part of a snapshot holds, without reading it out: its bars, their dates and a fingerprint of them all.
WITH assets_parts AS (
    SELECT m.asset_id, width_bucket(m.date, %(starts)s::date[]) AS period,
           count(*) AS bars, min(m.date) AS first_date, max(m.date) AS last_date,
           -- Each row's hash holds its key, so no two rows cancel out; the order does not matter.
           bit_xor(hash_record_extended(m, 0)) AS fingerprint
    FROM market_data m
    GROUP BY m.asset_id, period
)
SELECT a.exchange, p.asset_id / %(assets_a_part)s::int AS number, p.period, sum(p.bars)::bigint AS bars,
       min(p.first_date) AS first_date, max(p.last_date) AS last_date,
       bit_xor(p.fingerprint) AS fingerprint,
       array_agg(p.asset_id ORDER BY p.asset_id) AS asset_ids
FROM assets_parts p
JOIN assets a ON a.id = p.asset_id
GROUP BY a.exchange, number, p.period
ORDER BY a.exchange, number, p.period;
