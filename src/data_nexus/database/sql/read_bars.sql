-- The bars of some assets, each within dates of its own: one row an asset, a column its numbers by
-- date, one after the other as PostgreSQL sends them.
SELECT w.asset_id, packed.*
FROM unnest(%(asset_ids)s::int[], %(firsts)s::date[], %(lasts)s::date[])
    AS w (asset_id, first, last)
CROSS JOIN LATERAL (
    SELECT string_agg(date_send(m.date), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.open), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.high), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.low), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.close), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.adjusted_close), ''::bytea ORDER BY m.date),
           string_agg(float8send(m.volume), ''::bytea ORDER BY m.date)
    FROM market_data m
    WHERE m.asset_id = w.asset_id
      AND m.date BETWEEN coalesce(w.first, '-infinity') AND coalesce(w.last, 'infinity')
    HAVING count(*) > 0
) AS packed;
