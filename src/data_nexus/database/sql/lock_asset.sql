-- Lock an asset that nobody has claimed since, and whose symbol is still the one that was asked for.
SELECT currency
FROM assets
WHERE id = %(asset_id)s AND fence = %(fence)s AND symbol = %(code)s AND exchange = %(exchange)s
FOR UPDATE;
