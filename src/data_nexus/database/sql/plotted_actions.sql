-- The splits and dividends of an asset that were known at a moment (NULL: now), by ex-date.
SELECT date, numerator, denominator, NULL::float8 AS value, NULL::float8 AS unadjusted_value,
       NULL::text AS currency
FROM splits
WHERE asset_id = %(asset_id)s
  AND (%(as_of)s::timestamptz IS NULL OR stored_at <= %(as_of)s)
UNION ALL
SELECT date, NULL, NULL, value, unadjusted_value, currency
FROM dividends
WHERE asset_id = %(asset_id)s
  AND (%(as_of)s::timestamptz IS NULL OR stored_at <= %(as_of)s)
ORDER BY date, numerator, value;
