-- Keep the code that a dead asset was given: a stretch without length, since it is listed nowhere.
INSERT INTO listings
    (asset_id, from_moment, until_moment, symbol, exchange, venue, name, asset_type, isin, began)
SELECT a.id, %(moment)s, %(moment)s, a.symbol, a.exchange, a.venue, a.name, a.asset_type, a.isin,
       renamed.reason
FROM unnest(%(asset_ids)s::int[], %(reasons)s::text[]) AS renamed (id, reason)
JOIN assets a ON a.id = renamed.id;
