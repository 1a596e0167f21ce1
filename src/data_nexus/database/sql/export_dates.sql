-- The dates on which one of some assets has a bar.
SELECT DISTINCT date
FROM market_data
WHERE asset_id = ANY (%(asset_ids)s::int[])
  AND date BETWEEN coalesce(%(first)s::date, '-infinity') AND coalesce(%(last)s::date, 'infinity');
