-- Make the findings of some assets what was found now; one that was found before keeps its moment.
WITH found AS (
    SELECT *
    FROM unnest(
        %(found_ids)s::int[], %(rules)s::text[], %(firsts)s::date[], %(lasts)s::date[],
        %(counts)s::int[], %(worsts)s::float8[], %(details)s::text[]
    ) AS t (asset_id, rule, first_date, last_date, count, worst, detail)
), gone AS (
    DELETE FROM findings f
    WHERE f.asset_id = ANY (%(asset_ids)s::int[])
      AND NOT EXISTS (SELECT FROM found n WHERE n.asset_id = f.asset_id AND n.rule = f.rule)
)
INSERT INTO findings AS f (asset_id, rule, first_date, last_date, count, worst, detail)
SELECT * FROM found
ON CONFLICT (asset_id, rule) DO UPDATE
SET first_date = excluded.first_date,
    last_date = excluded.last_date,
    count = excluded.count,
    worst = excluded.worst,
    detail = excluded.detail
WHERE (f.first_date, f.last_date, f.count, f.worst, f.detail)
    IS DISTINCT FROM (
        excluded.first_date, excluded.last_date, excluded.count, excluded.worst, excluded.detail
    );
