-- Count the stored bars: exactly while that is quick, by the planner's estimate when there are very many.
SELECT CASE WHEN c.reltuples < 50000000 THEN (SELECT count(*) FROM market_data) ELSE c.reltuples::bigint END AS rows,
       c.reltuples >= 50000000 AS is_estimate
FROM pg_class c
WHERE c.oid = 'market_data'::regclass;
