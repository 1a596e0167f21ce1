-- The places where assets with bars are listed.
SELECT DISTINCT exchange, venue, asset_type FROM assets WHERE last_bar IS NOT NULL;
