-- The splits of an asset, by ex-date.
SELECT date, numerator, denominator FROM splits WHERE asset_id = %(asset_id)s ORDER BY date;
