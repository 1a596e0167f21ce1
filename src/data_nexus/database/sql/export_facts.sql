-- What is known of an asset beside its bars.
SELECT name, venue, asset_type, country, currency, isin, is_delisted
FROM assets
WHERE id = %(asset_id)s;
