-- name: begin_measuring
-- For this transaction: share one pass over many rows between processes, and do not take for ever.
SELECT set_config('parallel_setup_cost', '0', true),
       set_config('parallel_tuple_cost', '0', true),
       set_config('statement_timeout', '15s', true)

-- name: measure_assets
-- Count the assets that are alike in all that their state depends on. Reads every asset once, and no bar.
SELECT exchange, venue, asset_type, has_bars, is_ended, is_wanted, is_queued, is_parked, is_damaged,
       coalesce(is_provisional, false) AS is_provisional, coalesce(is_doubted, false) AS is_doubted,
       CASE WHEN is_queued OR NOT is_ended THEN synced_through END AS synced_through,
       CASE WHEN NOT is_ended THEN settled_through END AS settled_through,
       count(*) AS assets,
       count(*) FILTER (WHERE is_suspected) AS suspected,
       count(*) FILTER (WHERE has_findings) AS with_findings
FROM (
    SELECT a.exchange, a.venue, a.asset_type, a.synced_through, a.settled_through,
           a.last_bar IS NOT NULL AS has_bars,
           a.is_delisted OR a.retired_at IS NOT NULL AS is_ended,
           a.is_followed AND a.paused_at IS NULL AS is_wanted,
           a.is_active AND a.is_followed AND a.paused_at IS NULL AND a.parked_at IS NULL
               AND a.retired_at IS NULL AND NOT (a.is_delisted AND a.last_synced IS NOT NULL)
               AND (a.ask_after IS NULL OR a.ask_after <= %(moment)s::timestamptz) AS is_queued,
           a.parked_at IS NOT NULL AS is_parked,
           a.repair_wanted_at IS NOT NULL AS is_damaged,
           NOT (a.is_delisted OR a.retired_at IS NOT NULL)
               AND a.last_bar > coalesce(a.settled_through, '-infinity') AS is_provisional,
           d.is_doubted, d.is_suspected, d.has_findings
    FROM assets a
    LEFT JOIN (
        SELECT asset_id, bool_or(is_doubted) AS is_doubted, bool_or(is_suspected) AS is_suspected,
               bool_or(has_findings) AS has_findings
        FROM (
            SELECT asset_id, read_after < 'infinity' AS is_doubted, accepted_at IS NULL AS is_suspected,
                   false AS has_findings
            FROM suspicions
            UNION ALL
            SELECT asset_id, false, false, true FROM findings
        ) AS noted
        GROUP BY asset_id
    ) AS d ON d.asset_id = a.id
) AS stated
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13

-- name: measure_server
-- The database's size, and its sessions by state: which are busy, and what the busy ones wait for.
WITH activity AS (
    SELECT coalesce(state, 'unknown') AS state, wait_event_type
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
),
by_state AS (
    SELECT state, count(*) AS sessions FROM activity GROUP BY state
),
by_event AS (
    SELECT wait_event_type, count(*) AS sessions
    FROM activity
    WHERE state = 'active' AND wait_event_type IS NOT NULL
    GROUP BY wait_event_type
)
SELECT pg_database_size(current_database()) AS size_bytes,
       current_setting('max_connections')::int AS connections_allowed,
       coalesce((SELECT jsonb_object_agg(state, sessions) FROM by_state), '{}') AS sessions,
       coalesce((SELECT jsonb_object_agg(wait_event_type, sessions) FROM by_event), '{}') AS waiting
