-- Where some assets are listed, how far they are read, and whether more is to come.
SELECT id, exchange, venue, asset_type, synced_through, NOT is_delisted AND retired_at IS NULL
FROM assets
WHERE id = ANY (%(asset_ids)s::int[]);
