-- The currencies of some assets' prices.
SELECT id, currency FROM assets WHERE id = ANY (%(asset_ids)s::int[]);
