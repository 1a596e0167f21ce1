-- name: server_facts
-- What a server says of itself, to any role: version, clock, size, extensions, and the settings on
-- which durability, room and speed depend. NULL stands for what this role may not see.
SELECT current_setting('server_version') AS version,
       now() AS moment,
       pg_database_size(current_database()) AS bytes,
       ARRAY(SELECT extname || ' ' || extversion
             FROM pg_extension
             WHERE extname <> 'plpgsql'
             ORDER BY extname) AS extensions,
       ARRAY(SELECT name::text
             FROM pg_available_extensions
             WHERE name IN ('timescaledb', 'citus') AND installed_version IS NULL
             ORDER BY name) AS available,
       current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS is_durable,
       current_setting('autovacuum') = 'on' AS is_vacuumed,
       current_setting('max_connections')::int AS max_connections,
       (SELECT sum(numbackends)::int FROM pg_stat_database) AS connections,
       (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS folder,
       (SELECT setting::bigint * 1048576 FROM pg_settings WHERE name = 'max_wal_size') AS wal_bytes,
       inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8'
           OR inet_server_addr() = '::1' AS is_here

-- name: bars_to_come
-- Count the assets that wait for their first bars, and estimate what an asset has: the rows of the
-- bars, as the planner reckons them, over the assets that have some.
SELECT count(*) FILTER (WHERE last_bar IS NULL) AS lacking,
       count(*) FILTER (WHERE last_bar IS NOT NULL) AS loaded,
       (SELECT greatest(reltuples, 0)::bigint
        FROM pg_class
        WHERE oid = to_regclass('market_data')) AS rows
FROM queued_assets
