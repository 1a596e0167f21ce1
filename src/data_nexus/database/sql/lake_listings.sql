-- The whole listing history.
SELECT asset_id, from_moment, until_moment, symbol, exchange, venue, name, asset_type, isin, began
FROM listings
ORDER BY asset_id, from_moment;
