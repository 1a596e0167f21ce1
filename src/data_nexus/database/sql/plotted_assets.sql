-- What a chart says of some assets, and whether more bars are to come.
SELECT id, name, exchange, venue, asset_type, NOT is_delisted AND retired_at IS NULL
FROM assets
WHERE id = ANY (%(asset_ids)s::int[]);
