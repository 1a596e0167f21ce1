-- Put the rejected rows of a batch aside, once each however often the vendor repeats them.
INSERT INTO rejected_rows (asset_id, date, rule, excerpt)
SELECT *
FROM unnest(%(asset_ids)s::int[], %(dates)s::date[], %(rules)s::text[], %(excerpts)s::text[])
ON CONFLICT DO NOTHING;
