-- The stretches in which an asset was listed, oldest first.
SELECT symbol, from_moment, until_moment
FROM listings
WHERE asset_id = %(asset_id)s
ORDER BY from_moment;
