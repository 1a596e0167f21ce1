-- name: begin_measuring
-- For this transaction: share one pass over many rows between processes, and do not take for ever.
SELECT set_config('parallel_setup_cost', '0', true),
       set_config('parallel_tuple_cost', '0', true),
       set_config('statement_timeout', '15s', true)

-- name: measure_assets
-- Count the assets that are alike in all that their state depends on. Reads every asset once, and no bar.
-- All are counted as if none were noted; the few that are then move to their own group. A join of all takes
-- twice the time, and so do flags as columns of their own.
WITH stated AS NOT MATERIALIZED (
    SELECT id, exchange, venue, asset_type, synced_through, settled_through,
           CASE WHEN last_bar IS NOT NULL THEN 1 ELSE 0 END
               | CASE WHEN is_delisted OR retired_at IS NOT NULL THEN 2
                      WHEN last_bar > coalesce(settled_through, '-infinity') THEN 64 ELSE 0 END
               | CASE WHEN is_followed AND paused_at IS NULL THEN 4 ELSE 0 END
               | CASE WHEN is_active AND is_followed AND paused_at IS NULL AND parked_at IS NULL
                           AND retired_at IS NULL AND NOT (is_delisted AND last_synced IS NOT NULL)
                           AND (ask_after IS NULL OR ask_after <= %(moment)s::timestamptz)
                      THEN 8 ELSE 0 END
               | CASE WHEN parked_at IS NOT NULL THEN 16 ELSE 0 END
               | CASE WHEN repair_wanted_at IS NOT NULL THEN 32 ELSE 0 END AS flags
    FROM assets
),
noted AS MATERIALIZED (
    SELECT s.exchange, s.venue, s.asset_type, s.synced_through, s.settled_through, s.flags,
           n.is_doubted::int AS doubted, n.is_suspected::int AS suspected, n.has_findings::int AS with_findings
    FROM (
        SELECT asset_id, bool_or(is_doubted) AS is_doubted, bool_or(is_suspected) AS is_suspected,
               bool_or(has_findings) AS has_findings
        FROM (
            SELECT asset_id, read_after < 'infinity' AS is_doubted, accepted_at IS NULL AS is_suspected,
                   false AS has_findings
            FROM suspicions
            UNION ALL
            SELECT asset_id, false, false, true FROM findings
        ) AS each_note
        GROUP BY asset_id
    ) AS n
    JOIN stated s ON s.id = n.asset_id
),
counted AS (
    SELECT exchange, venue, asset_type, synced_through, settled_through, flags,
           count(*) AS assets, 0 AS suspected, 0 AS with_findings
    FROM stated
    GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT exchange, venue, asset_type, synced_through, settled_through, flags, -doubted, 0, 0 FROM noted
    UNION ALL
    SELECT exchange, venue, asset_type, synced_through, settled_through, flags | 128 * doubted,
           doubted, suspected, with_findings
    FROM noted
)
SELECT exchange, venue, asset_type,
       flags & 1 <> 0 AS has_bars, flags & 2 <> 0 AS is_ended, flags & 4 <> 0 AS is_wanted,
       flags & 8 <> 0 AS is_queued, flags & 16 <> 0 AS is_parked, flags & 32 <> 0 AS is_damaged,
       flags & 64 <> 0 AS is_provisional, flags & 128 <> 0 AS is_doubted,
       CASE WHEN flags & 10 <> 2 THEN synced_through END AS synced_through,
       CASE WHEN flags & 2 = 0 THEN settled_through END AS settled_through,
       sum(assets)::bigint AS assets, sum(suspected)::bigint AS suspected,
       sum(with_findings)::bigint AS with_findings
FROM counted
GROUP BY exchange, venue, asset_type, flags, 12, 13
HAVING sum(assets) > 0

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
