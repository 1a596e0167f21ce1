-- name: read_windows
-- The bars of some assets since a date: one row an asset; a column holds its numbers by date, in
-- PostgreSQL's wire format.
SELECT asset_id,
       string_agg(date_send(date), ''::bytea ORDER BY date),
       string_agg(float8send(open), ''::bytea ORDER BY date),
       string_agg(float8send(high), ''::bytea ORDER BY date),
       string_agg(float8send(low), ''::bytea ORDER BY date),
       string_agg(float8send(close), ''::bytea ORDER BY date),
       string_agg(float8send(adjusted_close), ''::bytea ORDER BY date),
       string_agg(float8send(volume), ''::bytea ORDER BY date)
FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[]) AND date >= %(first)s
GROUP BY asset_id
