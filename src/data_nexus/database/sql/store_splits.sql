-- Store a day's splits of an exchange's assets, as the vendor tells them now; what a changed one
-- said before is kept.
WITH told AS (
    SELECT a.id AS asset_id, t.date, t.numerator, t.denominator
    FROM unnest(
        %(codes)s::text[], %(dates)s::date[], %(numerators)s::float8[], %(denominators)s::float8[]
    ) AS t (code, date, numerator, denominator)
    JOIN assets a ON a.exchange = %(exchange)s AND a.symbol = t.code AND a.retired_at IS NULL
), revised AS (
    INSERT INTO split_revisions
        (asset_id, date, valid_until, numerator, denominator, stored_at, told_at)
    SELECT s.asset_id, s.date, now(), s.numerator, s.denominator, s.stored_at, s.told_at
    FROM splits s
    JOIN told t ON t.asset_id = s.asset_id AND t.date = s.date
    WHERE (s.numerator, s.denominator) IS DISTINCT FROM (t.numerator, t.denominator)
    ON CONFLICT DO NOTHING
)
INSERT INTO splits AS s (asset_id, date, numerator, denominator)
SELECT asset_id, date, numerator, denominator
FROM told
ON CONFLICT (asset_id, date) DO UPDATE
SET numerator = excluded.numerator, denominator = excluded.denominator,
    stored_at = now(), told_at = now()
WHERE (s.numerator, s.denominator) IS DISTINCT FROM (excluded.numerator, excluded.denominator);
