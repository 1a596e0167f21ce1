-- Store a day's splits of an exchange's assets, as the vendor tells them now.
INSERT INTO splits AS s (asset_id, date, numerator, denominator)
SELECT a.id, t.date, t.numerator, t.denominator
FROM unnest(
    %(codes)s::text[], %(dates)s::date[], %(numerators)s::float8[], %(denominators)s::float8[]
) AS t (code, date, numerator, denominator)
JOIN assets a ON a.exchange = %(exchange)s AND a.symbol = t.code AND a.retired_at IS NULL
ON CONFLICT (asset_id, date) DO UPDATE
SET numerator = excluded.numerator, denominator = excluded.denominator, stored_at = now()
WHERE (s.numerator, s.denominator) IS DISTINCT FROM (excluded.numerator, excluded.denominator);
