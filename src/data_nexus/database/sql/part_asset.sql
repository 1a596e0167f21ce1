-- Make an asset of its own of the listing that has taken over a code since a moment.
WITH heir AS (
    INSERT INTO assets (symbol, exchange, venue, name, asset_type, country, currency, isin)
    SELECT %(code)s, exchange, venue, name, asset_type, country, currency, isin
    FROM assets WHERE id = %(asset_id)s
    RETURNING id
)
UPDATE listings l
SET asset_id = heir.id
FROM heir
WHERE l.asset_id = %(asset_id)s AND l.from_moment >= %(since)s;
