-- name: audit_records
-- By exchange: the loaded histories, the one read as a whole the longest ago, and what audits and
-- samples of actions found.
WITH loaded AS (
    SELECT exchange, count(*) AS assets,
           CASE WHEN bool_and(read_whole_at IS NOT NULL) THEN min(read_whole_at) END AS oldest
    FROM active_assets
    WHERE last_bar IS NOT NULL
    GROUP BY exchange
), found AS (
    SELECT a.exchange,
           count(*) FILTER (
               WHERE s.committed_at >= date_trunc('day', now(), 'UTC')
                 AND s.committed_at < date_trunc('day', now(), 'UTC') + interval '1 day'
           ) AS today,
           count(*) AS audited,
           count(*) FILTER (WHERE s.revised > 0 AND EXISTS (
               SELECT
               FROM market_data_revisions r
               WHERE r.asset_id = s.asset_id AND r.valid_until = s.committed_at AND NOT r.is_withdrawn
           )) AS restated,
           count(*) FILTER (WHERE s.revised > 0 AND EXISTS (
               SELECT
               FROM rebasings b
               WHERE b.asset_id = s.asset_id AND b.valid_until = s.committed_at
           )) AS rebased
    FROM sync_log s
    JOIN assets a ON a.id = s.asset_id
    WHERE s.cause = 'audit' AND s.committed_at > now() - %(record_days)s * interval '1 day'
    GROUP BY a.exchange
), drawn AS (
    SELECT a.exchange, count(*) AS sampled,
           count(*) FILTER (WHERE d.not_stored > 0) AS sampled_not_stored,
           count(*) FILTER (WHERE d.is_unexplained) AS sampled_unexplained
    FROM action_samples d
    JOIN assets a ON a.id = d.asset_id
    WHERE d.read_at > now() - %(record_days)s * interval '1 day'
    GROUP BY a.exchange
)
SELECT exchange, assets, oldest, coalesce(today, 0) AS today, coalesce(audited, 0) AS audited,
       coalesce(restated, 0) AS restated, coalesce(rebased, 0) AS rebased,
       coalesce(sampled, 0) AS sampled, coalesce(sampled_not_stored, 0) AS sampled_not_stored,
       coalesce(sampled_unexplained, 0) AS sampled_unexplained
FROM loaded
LEFT JOIN found USING (exchange)
LEFT JOIN drawn USING (exchange)
ORDER BY exchange

-- name: audit_turns
-- Count by exchange the histories that an audit of N calls would read.
SELECT exchange, count(*) AS assets
FROM (
    SELECT exchange
    FROM active_assets
    WHERE last_bar IS NOT NULL
      AND coalesce(read_whole_at, '-infinity'::timestamptz) < now() - %(audit_days)s * interval '1 day'
      AND (%(exchange)s::text IS NULL OR exchange = %(exchange)s)
    ORDER BY coalesce(read_whole_at, '-infinity'::timestamptz), id
    LIMIT %(calls)s
) AS turns
GROUP BY exchange
ORDER BY exchange
